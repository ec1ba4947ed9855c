"""Training: the loop, trees, neighbours, cross-validation."""
