"""InsightFace's verification sets (`.bin`), read without executing the pickle."""
