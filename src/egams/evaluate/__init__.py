"""How good predictions are, how sure we can be of that, and the tables of a study."""
