"""The procedural faces: how they are drawn, and the sets that femb makes of them."""
