"""What is said of a network that was trained on drawn faces."""

DRAWN_FACES = "femb's drawn faces"
"""The `training_data` of a network that has seen no photograph."""

DRAWN_FACES_WARNING = "this network knows only drawn faces; see femb list models"
