"""Images as files: folders, zip archives and lists of files."""
