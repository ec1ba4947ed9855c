"""Ensembles: averaging, selection, clipping, and the bundle that predicts."""
