"""Detection: from a picture to boxes around its faces, and from boxes to landmarks."""
