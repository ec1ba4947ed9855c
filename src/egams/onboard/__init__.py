"""A small student of the ensemble that runs without egams: one ONNX file, binned runs in."""
