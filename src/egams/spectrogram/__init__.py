"""Spectrograms ``[run, m/z, temperature]``, drawn and augmented in batches on any device."""
