"""Files of instruments' own programs that are no plain tables."""
