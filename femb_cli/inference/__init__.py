"""Using trained networks: embedding, verification, export."""

from femb_cli.inference.embedder import Embedder, load_embedder

__all__ = ["Embedder", "load_embedder"]
