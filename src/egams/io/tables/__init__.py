"""Tables in any dialect: text or sheet, its dialect, what its columns are, and a run of it."""
