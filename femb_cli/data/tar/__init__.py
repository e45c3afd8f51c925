"""Tar archives: WebDataset shards and folders of people, read in place."""
