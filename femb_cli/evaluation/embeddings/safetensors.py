"""`.safetensors`: the tensors `embeddings` and `names` (one a line, UTF-8, uint8); the description in the metadata.

Shape suffixes: N embeddings, D embedding dimension.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from femb_cli.evaluation.embeddings.contents import Columns, Contents
from femb_cli.evaluation.embeddings.description import Description, description_in
from femb_cli.evaluation.embeddings.names import name_lines, names_from_text


def read(path: Path) -> Contents:
    """Read embeddings; raise OSError, ValueError, ... if the file is missing or damaged."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            held = set(file.keys())
            if "embeddings" not in held:
                raise ValueError(f"it holds no tensor 'embeddings' but {len(held)} others: is it a network?")
            names = names_from_text(file.get_tensor("names").tobytes(), as_written=True) if "names" in held else None
            description = description_in((file.metadata() or {}).get("description", ""))
            return Contents(file.get_tensor("embeddings"), names, description)
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def has_embeddings(path: Path) -> bool:
    """Whether a file has a tensor of embeddings; a damaged file has none."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return "embeddings" in set(file.keys())
    except (OSError, SafetensorError):
        return False


def write(
    path: Path, rows_ND: NDArray[np.float32], names: Sequence[str], description: Description, further: Columns
) -> None:
    """Write embeddings with their names; further columns are left out."""
    from safetensors.numpy import save_file

    names_T = np.frombuffer(b"".join(name_lines(names)), dtype=np.uint8)
    save_file(
        {"embeddings": np.asarray(rows_ND), "names": names_T}, path, metadata={"description": description.to_text()}
    )
