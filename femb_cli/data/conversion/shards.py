"""The files that a training set's rows lie in: Arrow's stream format, which `datasets` maps, or Parquet, for the Hub.

Shapes: N rows, C identities.
"""

import io
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from femb_cli.data.conversion.batch import EncodedImages

if TYPE_CHECKING:
    import pyarrow as pa

Format = Literal["arrow", "parquet"]
OWN_COLUMNS = ("image", "label")
PARQUET_ROW_GROUP = 100
"""Rows that a reader of Parquet has to take in at once; `datasets` writes images so, too."""

_PIECE = 2**20

_NAMES: dict[Format, tuple[str, str]] = {
    "arrow": ("", "data-{:05d}{}.arrow"),
    "parquet": ("data", "train-{:05d}{}.parquet"),
}


class ShardWriter:
    """Writes batches of rows to numbered files, of which one is open at a time.

    Args:
        folder: Where the files go; those of Parquet into its subfolder `data`.
        format: Which kind of file.
        start: Number of the first file to write: those below are there already.

    Attributes:
        count: Files so far, the open one included.
        open_bytes: Of the images in the open file.
    """

    def __init__(self, folder: Path, format: Format, *, start: int = 0) -> None:
        self.folder, self.format, self.count = folder, format, start
        self.open_bytes = 0
        self._file: pa.PythonFile | None = None
        self._stream: Any = None
        shard_path(folder, format, 0).parent.mkdir(exist_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        # Whatever the disk says: a file that is still open is not going to be kept.
        with suppress(OSError, ValueError):
            if self._stream is not None:
                self._stream.close()
        if self._file is not None:
            self._file.close()

    def write(self, table: "pa.RecordBatch", image_bytes: int) -> None:
        """Add rows; the schema of the first ones of a file is the file's."""
        if self._file is None:
            self._open(table.schema)
        if self.format == "parquet":
            self._stream.write_batch(table, row_group_size=PARQUET_ROW_GROUP)
        else:
            self._stream.write_batch(table)
        self.open_bytes += image_bytes

    def close(self, *, durably: bool = False) -> None:
        """End the open file; `durably`: and wait until it would survive a loss of power."""
        if self._file is None:
            return
        self._stream.close()
        self._file.close()
        if durably:
            with shard_path(self.folder, self.format, self.count - 1).open("rb") as file:
                os.fsync(file.fileno())
        self._file, self._stream, self.open_bytes = None, None, 0

    def _open(self, schema: "pa.Schema") -> None:
        import pyarrow as pa

        path = shard_path(self.folder, self.format, self.count)
        self.count += 1
        self._file = pa.PythonFile(_InPieces(path), "w")
        if self.format == "arrow":
            self._stream = pa.ipc.new_stream(self._file, schema)
            return
        import pyarrow.parquet as parquet

        # All but the images, which do not get any smaller.
        compression = dict.fromkeys(("image.path", *schema.names[1:]), "zstd")
        self._stream = parquet.ParquetWriter(
            self._file, schema, compression=compression, use_dictionary=["label"], write_page_index=True
        )


class _InPieces(io.FileIO):
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


def rows_of(
    images: EncodedImages,
    labels_N: np.ndarray,
    names: Sequence[str | None],
    extra: "pa.Table | None",
    schema: "pa.Schema",
) -> "pa.RecordBatch":
    """Lay out rows as Arrow has them; the images' bytes are not copied."""
    import pyarrow as pa

    encoded = _array(pa.binary(), images)
    paths = _array(pa.string(), EncodedImages.join([(name or "").encode() for name in names]))
    if None in names:
        paths = pa.array(names, pa.string())
    image = pa.StructArray.from_arrays([encoded, paths], fields=list(schema.field("image").type))
    labels = pa.Array.from_buffers(pa.int64(), len(images), [None, pa.py_buffer(labels_N.astype(np.int64))])
    columns = [image, labels]
    if extra is not None:
        columns += [column.combine_chunks() for column in extra.columns]
    return pa.record_batch(columns, schema=schema)


def _array(kind: "pa.DataType", values: EncodedImages) -> "pa.Array":
    """Wrap values as Arrow's, which pa.array() does after importing pandas, for a fifth of a second."""
    import pyarrow as pa

    ends = np.concatenate([[0], values.ends_N]).astype(np.int32)
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(ends), pa.py_buffer(values.data)])


def shard_path(folder: Path, format: Format, number: int, of: int | None = None) -> Path:
    """Return where a shard lies: while it is written, and once their number is known."""
    subfolder, name = _NAMES[format]
    return folder / subfolder / name.format(number, "" if of is None else f"-of-{of:05d}")


def find_shard(folder: Path, format: Format, number: int) -> Path:
    """Return a shard under whichever of its two names it lies."""
    path = shard_path(folder, format, number)
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
    """Write a shard anew with other labels, `new_label_C` of the old ones."""
    import pyarrow as pa

    for batch in read_shard(old):
        labels = pa.array(new_label_C[batch.column("label").to_numpy()], pa.int64())
        position = batch.schema.get_field_index("label")
        columns = [*batch.columns[:position], labels, *batch.columns[position + 1 :]]
        new.write(pa.record_batch(columns, schema=schema), 0)
    new.close()


def features_of(identity_names: list[str], extra: "pa.Schema | None") -> dict[str, Any]:
    """Describe the columns as `datasets` does in its JSON."""
    features: dict[str, Any] = {"image": {"_type": "Image"}, "label": {"names": identity_names, "_type": "ClassLabel"}}
    if extra is None:
        return features
    from datasets import Features

    return features | Features.from_arrow_schema(extra).to_dict()


def schema_of(extra: "pa.Schema | None", features: dict[str, Any]) -> "pa.Schema":
    """Return the schema of the rows, with what `datasets` makes of the columns."""
    import pyarrow as pa

    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns = [("image", image), ("label", pa.int64()), *([] if extra is None else extra)]
    return pa.schema(columns, metadata={"huggingface": json.dumps({"info": {"features": features}})})
