"""Files of scores: written for other programs, and read from them."""
