"""Using trained networks: embedding images and verification."""

from femb_cli.inference.embedder import Embedder, load_embedder

__all__ = ["Embedder", "load_embedder"]
