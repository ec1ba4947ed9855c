"""What to train: settings of experiments, and the table of those that come with egams."""
