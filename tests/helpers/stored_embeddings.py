"""Files of embeddings, and four of them with their pairs in the folder that a command runs in."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from femb_cli.evaluation.embeddings import npy
from femb_cli.evaluation.embeddings.description import Description
from femb_cli.evaluation.embeddings.names import name_lines, names_digest

ROWS = [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]]
NAMES = ["a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg"]
GENUINE = ["a/1.jpg,a/2.jpg,1", "b/1.jpg,b/2.jpg,1"]
IMPOSTOR = ["a/1.jpg,b/1.jpg,0", "a/2.jpg,b/2.jpg,0"]


def describe(rows: ArrayLike, names: Sequence[str], **changes: object) -> Description:
    """Describe embeddings of an invented network."""
    num_rows, embedding_dim = np.shape(rows)
    entries = {"model": "network", "weights": "0a", "fingerprint": "", "flip": "none", "alignment": "as given"}
    numbers = {"num_rows": num_rows, "embedding_dim": embedding_dim, "normalised": False, "preprocessing": {}}
    names_of_rows = names_digest(name_lines(names))
    return Description(**{"femb_version": "1.0", **entries, **numbers, "names": names_of_rows, **changes})


def save_npy(path: Path, rows: ArrayLike, names: Sequence[str], description: Description | None = None) -> None:
    """Write a `.npy` file with its names: as another program does, or with a description as femb does."""
    np.save(path, np.asarray(rows, dtype=np.float32))
    path.with_suffix(".txt").write_bytes(b"".join(name_lines(names)))
    if description is not None:
        with path.open("ab") as file:
            file.write(npy.description_to_bytes(description))


def store(rows=ROWS, pairs=(*GENUINE, *IMPOSTOR), name="embeddings"):
    """Write embeddings with their names, and pairs, to the folder that the command runs in."""
    save_npy(Path(f"{name}.npy"), rows, NAMES)
    Path("pairs.csv").write_text("\n".join(["ref,probe,mated", *pairs]) + "\n")
    return "verify", "--pairs", "pairs.csv", "--embeddings", f"{name}.npy"
