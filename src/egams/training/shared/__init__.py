"""A study in shared storage, where every node reads and writes it."""
