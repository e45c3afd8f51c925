"""The verification report: what it contains, its plots and its page."""
