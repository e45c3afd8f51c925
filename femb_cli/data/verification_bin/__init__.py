"""Verification sets in InsightFace's `.bin` format, read without executing the pickle."""
