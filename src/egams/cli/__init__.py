"""The command line: thin, on top of everything that Python code can call."""
