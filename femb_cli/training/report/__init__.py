"""The report of training runs: one HTML page with their curves and settings; nothing of it needs torch."""
