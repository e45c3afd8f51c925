"""Stand-ins for what training programs leave beside their weights: callbacks, paths, NumPy's numbers, namespaces.

torch's restricted unpickler refuses a file for the name of a single class, be it that of a progress bar. Those of the
packages below say nothing about a network; here they become empty objects, and nothing of the packages is imported or
run. Whatever else a file refers to is still refused.
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
    """Whatever it is made of becomes an empty mapping, which may be filled: Lightning's hyper-parameters are one."""

    def __new__(cls, *_: Any) -> Any:
        return OrderedDict()


class _Nothing:
    """Takes any state and keeps none."""

    def __new__(cls, *_: Any) -> "_Nothing":
        return object.__new__(cls)

    def __setstate__(self, state: Any) -> None:
        """Forget it."""


def pickle_stubs(archive: Path) -> list[Callable[..., Any] | tuple[Callable[..., Any], str]]:
    """What `torch.serialization.safe_globals` takes for the bystanders in a file of torch.save.

    Args:
        archive: a zip; its pickle is taken apart, not run.
    """
    names = [name for name in get_unsafe_globals_in_checkpoint(str(archive)) if name.split(".")[0] in PACKAGES]
    return [(_Nothing if name.startswith("numpy.") else _EmptyMapping, name) for name in names]
