"""Networks read out of ONNX files."""
