"""The directory of a run: its files, its log, its status and its best checkpoint."""
