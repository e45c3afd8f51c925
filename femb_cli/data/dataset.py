"""The training set on disk: a directory that `datasets.load_from_disk` opens, read here without that library.

Columns are `image`, the encoded bytes and the path they came from, and `label`, into the names of the identities.

Shapes: N images, C identities.
"""

from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from femb_cli.data.dataset_writer import DatasetWriter
from femb_cli.data.facts import STATE_FILE, DatasetFacts, check_dataset, label_names, read_facts, read_json
from femb_cli.data.source import ComputedNames, Identities, ImageSource
from femb_cli.errors import FembError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["DatasetFacts", "DatasetSource", "DatasetWriter", "check_identities", "read_facts"]

_LARGEST_LABEL = 2**26


class DatasetSource:
    """The images of a data set directory, memory-mapped.

    `names` are the images' stored paths if all of them have one and no two the same, else the row numbers.

    Raises:
        FembError: The directory is no data set, is damaged, or lacks the columns `image` and `label`.
    """

    kind = "dataset"

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        check_dataset(self.path)
        table = _map_table(self.path)
        _check_columns(self.path, table)
        images = [chunk for chunk in table["image"].chunks if len(chunk)]
        if not images:
            raise FembError(f"{self.path} holds no images")
        self._bytes = [chunk.field("bytes") for chunk in images]
        self._paths = [chunk.field("path") for chunk in images]
        self._starts = np.cumsum([0] + [len(chunk) for chunk in images]).tolist()
        self.identities = self._read_identities(table["label"])

    def __len__(self) -> int:
        return self._starts[-1]

    def __reduce__(self) -> tuple[type["DatasetSource"], tuple[Path]]:
        return DatasetSource, (self.path,)

    def read(self, index: int) -> bytes:
        """Return the encoded bytes of one image."""
        image = self._value(self._bytes, index)
        if image is None:
            raise FembError(
                f"row {index} of {self.path} has no image bytes, only a path",
                hint="save the data set again with its images inside",
            )
        return image

    @cached_property
    def names(self) -> Sequence[str]:
        """Unique names, looked up when asked for."""
        if _are_unique(self._paths):
            return ComputedNames(len(self), lambda index: self._value(self._paths, index))
        return ComputedNames(len(self), lambda index: f"{index:09d}")

    def _value(self, chunks: "list[pa.Array]", index: int) -> Any:
        chunk = bisect_right(self._starts, index) - 1
        return chunks[chunk][index - self._starts[chunk]].as_py()

    def _read_identities(self, column: "pa.ChunkedArray") -> Identities:
        """Return the labels as stored: a gap in them is a fact about the data set."""
        labels_N = column.fill_null(-1).to_numpy().astype(np.int64)
        names = label_names(self.path)
        largest = int(labels_N.max(initial=-1))
        if largest >= (_LARGEST_LABEL if names is None else len(names)):
            raise FembError(
                f"{self.path} has the label {largest}"
                + (", too large to count up to" if names is None else f", but names for {len(names)} only"),
                hint="labels should count from 0",
            )
        return Identities([str(label) for label in range(largest + 1)] if names is None else names, labels_N)


def check_identities(source: ImageSource) -> None:
    """Check that the labels of a source can be trained on: each image has one, and each identity an image.

    Raises:
        FembError: Naming the first image without an identity, or the first label without an image.
    """
    if source.identities is None:
        raise FembError(f"{source.path} does not say who is on its images")
    labels_N, names = source.identities.labels_N, source.identities.names
    unknown = np.flatnonzero(labels_N < 0)
    if len(unknown):
        raise FembError(
            f"{len(unknown)} of {len(labels_N)} images of {source.path} have no identity,"
            f" the first is {source.names[int(unknown[0])]!r}",
            hint="leave them out with femb convert --on-error skip",
        )
    missing = np.flatnonzero(np.bincount(labels_N, minlength=len(names)) == 0)
    if len(missing):
        raise FembError(
            f"{len(missing)} of {len(names)} labels of {source.path} have no image,"
            f" the first is {missing[0]} ({names[missing[0]]!r})",
            hint="number the identities anew with femb convert",
        )


def _map_table(path: Path) -> "pa.Table":
    """Map all shards into memory as one table."""
    import pyarrow as pa

    try:
        shards = [path / entry["filename"] for entry in read_json(path / STATE_FILE)["_data_files"]]
        return pa.concat_tables([pa.ipc.open_stream(pa.memory_map(str(shard))).read_all() for shard in shards])
    except (KeyError, TypeError, OSError, pa.ArrowException) as error:
        raise FembError(f"cannot read the data set {path}: {error}", hint="it is damaged: make it again") from error


def _check_columns(path: Path, table: "pa.Table") -> None:
    import pyarrow.types as types

    for column in ("image", "label"):
        if column not in table.column_names:
            raise FembError(
                f"{path} has no column {column!r}; its columns are {', '.join(table.column_names)}",
                hint="rename the columns to image and label, with datasets.Dataset.rename_column",
            )
    image, label = table.schema.field("image").type, table.schema.field("label").type
    if not types.is_struct(image) or {field.name for field in image} != {"bytes", "path"}:
        raise FembError(f"the column 'image' of {path} holds {image}, not images", hint="cast it to datasets.Image")
    if not types.is_integer(label):
        raise FembError(f"the column 'label' of {path} holds {label}, not integers", hint="cast it to ClassLabel")


def _are_unique(chunks: "list[pa.Array]") -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    paths = pa.chunked_array(chunks)
    return paths.null_count == 0 and pc.count_distinct(paths).as_py() == len(paths)
