"""Whether a path is a file of embeddings, or something else that has the same ending, such as a dataset or a list."""

from pathlib import Path

from numpy.lib.format import MAGIC_PREFIX

from femb_cli.evaluation.embeddings import csv, parquet
from femb_cli.evaluation.embeddings.formats import FORMATS


def holds_embeddings(path: Path) -> bool:
    """Whether to read a path as embeddings.

    `.npy`, `.npz` and `.safetensors` never hold images. A `.parquet` or `.csv` file is known by its columns. A file of
    any other ending counts if it begins as a `.npy` file does.
    """
    ending = path.suffix.lower()
    if path.is_dir():
        return False
    if ending == ".parquet":
        return path.is_file() and parquet.has_embeddings(path)
    if ending == ".csv":
        return path.is_file() and csv.has_embeddings(path)
    if ending in FORMATS:
        return True
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(MAGIC_PREFIX)) == MAGIC_PREFIX
