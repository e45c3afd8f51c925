"""Stand-ins for objects that training programs save beside their weights: callbacks, paths, NumPy values, namespaces.

torch's restricted unpickler refuses a whole file if it refers to one unknown class, even that of a progress bar.
Objects of the packages below say nothing about a network: they become empty objects, and no code of the packages is
imported or run. A reference to anything else is still refused.
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
    """Becomes an empty mapping that the unpickler can fill: Lightning's hyper-parameters are a mapping."""

    def __new__(cls, *_: Any) -> Any:
        return OrderedDict()


class _Nothing:
    """Takes any state and keeps none."""

    def __new__(cls, *_: Any) -> "_Nothing":
        return object.__new__(cls)

    def __setstate__(self, state: Any) -> None:
        """Drop the state."""


def pickle_stubs(archive: Path) -> list[Callable[..., Any] | tuple[Callable[..., Any], str]]:
    """Return stand-ins for the objects of `PACKAGES` in a file, for `torch.serialization.safe_globals`.

    Args:
        archive: a zip file that torch.save wrote; its pickle is parsed, not run.
    """
    names = [name for name in get_unsafe_globals_in_checkpoint(str(archive)) if name.split(".")[0] in PACKAGES]
    return [(_Nothing if name.startswith("numpy.") else _EmptyMapping, name) for name in names]
