"""Training: the loop, folds, cross-validation."""
