"""femb: train, run and verify face embedding networks."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from femb_cli.inference import Embedder, load_embedder

__version__ = "0.1.0"

__all__ = ["Embedder", "__version__", "load_embedder"]


def __getattr__(name: str) -> Any:
    """Import `load_embedder` and `Embedder` when they are asked for, because they need torch, which takes seconds."""
    if name in ("Embedder", "load_embedder"):
        return getattr(import_module("femb_cli.inference"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
