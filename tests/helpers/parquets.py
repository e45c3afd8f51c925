"""Parquet files of images, for tests that decode none of them."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

NUM_IMAGES = 25


def image_bytes(row: int) -> bytes:
    """What stands for an image: nothing here decodes it."""
    return f"image {row} ".encode() * (row % 5 + 1)


def images(rows: range = range(NUM_IMAGES), *, paths: bool = True) -> list[dict]:
    return [{"bytes": image_bytes(row), "path": f"{row}.jpg" if paths else None} for row in rows]


def write(path: Path, columns: dict, *, group: int = 10, **options) -> Path:
    """Write a Parquet file; options go to pyarrow."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, row_group_size=group, **options)
    return path


def faces(path: Path, rows: range = range(NUM_IMAGES), **columns) -> Path:
    return write(path, {"image": images(rows), "label": [row % 3 for row in rows], **columns})
