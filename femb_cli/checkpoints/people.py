"""Who a network was trained on: digests of the people's names, in a file beside its weights.

The file has no names, because people publish checkpoints. A digest cannot be turned back into a name, but a given name
can be looked up: this is how `femb verify` warns of a benchmark's people.

Shape suffix: U different people.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from femb_cli.checkpoints.checksums import find_damage
from femb_cli.checkpoints.runs import PEOPLE
from femb_cli.errors import FembError

_TENSOR = "name_xxh3_64"


def write_people(checkpoint: Path, people_U: NDArray[np.int64]) -> None:
    """Write the digests of `name_digests` into a checkpoint's directory."""
    save_file({_TENSOR: people_U}, checkpoint / PEOPLE)


def read_people(checkpoint: Path) -> NDArray[np.int64]:
    """Return the digests of a checkpoint, int64 (U,); none if it does not say who it was trained on.

    Args:
        checkpoint: its directory, or the file of its weights, which says nothing.

    Raises:
        FembError: the file is damaged.
    """
    file = checkpoint / PEOPLE
    if not checkpoint.is_dir() or not file.is_file():
        return np.empty(0, np.int64)
    damage = find_damage(checkpoint, PEOPLE)
    if damage is None:
        try:
            people_U = load_file(file).get(_TENSOR)
        except (SafetensorError, OSError, ValueError, TypeError, LookupError):
            people_U = None
        if people_U is not None and people_U.ndim == 1 and people_U.dtype == np.int64:
            return people_U
    raise FembError(
        f"{file} is damaged: {damage or 'it holds no digests of names'}",
        hint="without it, femb does not know who the network was trained on; remove it to go on without",
    )
