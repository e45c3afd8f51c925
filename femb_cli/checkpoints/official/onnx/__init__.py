"""Read networks from ONNX files."""
