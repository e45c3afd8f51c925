"""Placeholders for objects that training programs save with their weights: callbacks, paths, NumPy values, namespaces.

torch's restricted unpickler refuses a whole file if it refers to one unknown class, even that of a progress bar. No
network depends on objects of the packages below, so femb replaces them by empty objects, without importing or running
code of these packages. A reference to anything else is still refused.
"""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch.serialization import get_unsafe_globals_in_checkpoint

PACKAGES = (
    *("pytorch_lightning", "lightning", "lightning_fabric", "lightning_utilities", "omegaconf", "easydict"),
    *("numpy", "argparse", "pathlib"),
)


class _EmptyMapping:
    """Replaces a class by an empty mapping, which the unpickler fills: Lightning's hyper-parameters are a mapping."""

    def __new__(cls, *_: Any) -> Any:
        return OrderedDict()


class _EmptyObject:
    """Replaces an object and discards its state."""

    def __new__(cls, *_: Any) -> "_EmptyObject":
        return object.__new__(cls)

    def __setstate__(self, state: Any) -> None:
        """Drop the state."""


def pickle_stubs(archive: Path) -> list[Callable[..., Any] | tuple[Callable[..., Any], str]]:
    """Return placeholders for the objects of `PACKAGES` in a file, for `torch.serialization.safe_globals`.

    Args:
        archive: a zip file that torch.save wrote; its pickle is parsed, not run.
    """
    names = [name for name in get_unsafe_globals_in_checkpoint(str(archive)) if name.split(".")[0] in PACKAGES]
    return [(_EmptyObject if name.startswith("numpy.") else _EmptyMapping, name) for name in names]
