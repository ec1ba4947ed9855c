"""Figures of runs and of scores."""
