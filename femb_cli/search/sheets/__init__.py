"""Pages with the images of a search or of groups, small and inside the page."""
