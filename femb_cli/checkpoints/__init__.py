"""Checkpoints: trained networks on disk, in femb's own format and in the official ones."""
