"""Models ``spectrogram [B, 100, 80], context [B, feature] -> logits [B, 10]``, a file a family."""
