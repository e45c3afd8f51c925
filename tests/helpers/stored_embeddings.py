"""A file of four embeddings with its pairs, in the folder that a command runs in."""

from pathlib import Path

import numpy as np

ROWS = [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]]
NAMES = ["a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg"]
GENUINE = ["a/1.jpg,a/2.jpg,1", "b/1.jpg,b/2.jpg,1"]
IMPOSTOR = ["a/1.jpg,b/1.jpg,0", "a/2.jpg,b/2.jpg,0"]


def store(rows=ROWS, pairs=(*GENUINE, *IMPOSTOR), name="embeddings"):
    """Write embeddings with their names, and pairs, to the folder that the command runs in."""
    np.save(f"{name}.npy", np.asarray(rows, dtype=np.float32))
    Path(f"{name}.txt").write_text("".join(f"{line}\n" for line in NAMES))
    Path("pairs.csv").write_text("\n".join(["ref,probe,mated", *pairs]) + "\n")
    return "verify", "--pairs", "pairs.csv", "--embeddings", f"{name}.npy"
