"""A laboratory's own library: its runs, answers, remarks and labels in one SQLite file."""
