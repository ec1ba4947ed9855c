"""A study on disk: folds, trained members, out-of-fold predictions, and how far it is."""
