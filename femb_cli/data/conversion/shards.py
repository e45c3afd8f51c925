"""Shards: the files that store a training set's rows, in Arrow's stream format or in Parquet.

Shapes: C identities.
"""

import io
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from femb_cli.data.conversion.choices import Format
from femb_cli.data.conversion.rows import relabelled

if TYPE_CHECKING:
    import pyarrow as pa

PARQUET_ROW_GROUP = 100
"""Rows in a Parquet row group, which is read as a whole; the library `datasets` uses the same number for images."""

_PIECE = 2**20

_NAMES: dict[Format, tuple[str, str]] = {
    "arrow": ("", "data-{:05d}{}.arrow"),
    "parquet": ("data", "train-{:05d}{}.parquet"),
}


class ShardWriter:
    """Writes rows to numbered files; one is open at a time.

    Args:
        directory: Where the files go; Parquet files go to its subdirectory `data`.
        format: The format of the files.
        start: Number of the first file to write; files with lower numbers exist already.

    Attributes:
        count: Number of files so far, the open one included.
        open_bytes: Bytes of the images in the open file.
    """

    def __init__(self, directory: Path, format: Format, *, start: int = 0) -> None:
        self.directory, self.format, self.count = directory, format, start
        self.open_bytes = 0
        self._file: pa.PythonFile | None = None
        self._stream: Any = None
        shard_path(directory, format, 0).parent.mkdir(exist_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        # A file that is still open is discarded, so errors in closing it do not matter.
        with suppress(OSError, ValueError):
            if self._stream is not None:
                self._stream.close()
        if self._file is not None:
            self._file.close()

    def write(self, rows: "pa.RecordBatch", image_bytes: int) -> None:
        """Add rows to the open file; the first rows of a file give it its schema."""
        if self._file is None:
            self._open(rows.schema)
        if self.format == "parquet":
            self._stream.write_batch(rows, row_group_size=PARQUET_ROW_GROUP)
        else:
            self._stream.write_batch(rows)
        self.open_bytes += image_bytes

    def close(self, *, durably: bool = False) -> None:
        """Close the open file, if there is one; with `durably`, wait until it is on the disk."""
        if self._file is None:
            return
        self._stream.close()
        self._file.close()
        if durably:
            with shard_path(self.directory, self.format, self.count - 1).open("rb") as file:
                os.fsync(file.fileno())
        self._file, self._stream, self.open_bytes = None, None, 0

    def _open(self, schema: "pa.Schema") -> None:
        import pyarrow as pa

        path = shard_path(self.directory, self.format, self.count)
        self.count += 1
        self._file = pa.PythonFile(_WrittenInPieces(path), "w")
        if self.format == "arrow":
            self._stream = pa.ipc.new_stream(self._file, schema)
            return
        import pyarrow.parquet as parquet

        # Image bytes are not compressed a second time.
        compression = dict.fromkeys(("image.path", *schema.names[1:]), "zstd")
        self._stream = parquet.ParquetWriter(
            self._file, schema, compression=compression, use_dictionary=["label"], write_page_index=True
        )


class _WrittenInPieces(io.FileIO):
    """A file that is written a megabyte at a time: ext4 takes six times as long for five megabytes at once."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w")

    def write(self, data: Any) -> int:
        """Write all of `data`."""
        view = memoryview(data)
        position = 0
        while position < len(view):
            position += super().write(view[position : position + _PIECE]) or 0
        return position


def shard_path(directory: Path, format: Format, number: int, of: int | None = None) -> Path:
    """Return the path of a shard; `of` is the number of shards, or None while it is unknown."""
    subdirectory, name = _NAMES[format]
    return directory / subdirectory / name.format(number, "" if of is None else f"-of-{of:05d}")


def find_shard(directory: Path, format: Format, number: int) -> Path:
    """Return the path of an existing shard, under either of its two names."""
    path = shard_path(directory, format, number)
    return next(iter(sorted(path.parent.glob(f"{path.stem}*{path.suffix}"))), path)


def read_shard(path: Path) -> Iterator["pa.RecordBatch"]:
    """Yield the rows of a shard, a batch at a time."""
    import pyarrow as pa

    if path.suffix == ".arrow":
        with pa.memory_map(str(path)) as file:
            yield from pa.ipc.open_stream(file)
    else:
        import pyarrow.parquet as parquet

        yield from parquet.ParquetFile(path).iter_batches(batch_size=PARQUET_ROW_GROUP)


def relabel(old: Path, new: ShardWriter, new_label_C: np.ndarray, schema: "pa.Schema") -> None:
    """Copy a shard, with the label `new_label_C[label]` in place of each label."""
    for rows in read_shard(old):
        new.write(relabelled(rows, new_label_C, schema), 0)
    new.close()
