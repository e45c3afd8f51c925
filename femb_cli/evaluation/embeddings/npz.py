"""`.npz`: NumPy's archive with the arrays `embeddings`, `names`, `description`, and further columns.

Shape suffixes: N embeddings, D embedding dimension.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femb_cli.evaluation.embeddings.contents import Columns, Contents
from femb_cli.evaluation.embeddings.description import Description, description_in


def read(path: Path) -> Contents:
    """Read embeddings; raise OSError, ValueError, ... if the file is missing or damaged."""
    with path.open("rb") as file:
        if file.read(2) != b"PK":
            raise ValueError("it does not begin as a .npz file does")
    with np.load(path, allow_pickle=False) as arrays:
        if "embeddings" not in arrays:
            raise ValueError(f"it holds no array 'embeddings' but {', '.join(arrays) or 'nothing'}")
        names = [str(name) for name in arrays["names"]] if "names" in arrays else None
        description = description_in(str(arrays["description"])) if "description" in arrays else None
        return Contents(arrays["embeddings"], names, description)


def write(
    path: Path, rows_ND: NDArray[np.float32], names: Sequence[str], description: Description, further: Columns
) -> None:
    """Write embeddings with their names."""
    with path.open("wb") as file:
        arrays: dict[str, Any] = {"embeddings": rows_ND, "names": np.array(names), **further}
        np.savez(file, **arrays, description=np.array(description.to_text()))
