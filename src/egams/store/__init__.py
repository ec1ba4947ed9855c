"""Prepared runs in one memory-mapped file plus a manifest."""
