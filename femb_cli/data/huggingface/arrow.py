"""A dataset directory in Arrow files, as `datasets.load_from_disk` opens it, read without that library.

femb itself writes the columns `image` (encoded bytes and path) and `label` (index into the names of the identities).
In other datasets femb finds the columns by their types and names, see `columns.py`.

Shapes: N images.
"""

import json
from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from femb_cli.data.checksums import checksum_of, read_checksums
from femb_cli.data.dataset_info import INFO_FILE, STATE_FILE, check_dataset, read_json
from femb_cli.data.huggingface.columns import (
    as_labels,
    find_columns,
    find_people,
    names_of_paths,
    take_rows,
    with_own_label,
    without_views,
)
from femb_cli.data.read_as import AS_FOUND, ReadAs
from femb_cli.data.source import ComputedNames, changed_image, row_names
from femb_cli.errors import FembError

if TYPE_CHECKING:
    import pyarrow as pa


class DatasetSource:
    """The images of a dataset directory, memory-mapped.

    `names` are the stored paths, if every image has one and all are different; otherwise they are the row numbers.

    Args:
        path: The directory.
        read_as: The columns that the user names.

    Attributes:
        found: Who is on the images, and what femb guessed of it.

    Raises:
        FembError: The directory is not a dataset, is damaged, or lacks images or a column that the user names.
    """

    kind = "dataset"

    def __init__(self, path: str | Path, read_as: ReadAs = AS_FOUND) -> None:
        self.path, self._read_as = Path(path), read_as
        check_dataset(self.path)
        self._table, self._shards, self._shard_starts = map_table(self.path)
        self._columns = find_columns(self._table.schema, self.path, with_own_label(read_as, self.path))
        images = [chunk for chunk in self._table[self._columns.image].chunks if len(chunk)]
        if not images:
            raise FembError(f"{self.path} holds no images")
        has_paths = self._columns.has_paths
        self._bytes = [chunk.field("bytes") if has_paths else chunk for chunk in images]
        self._paths = [chunk.field("path") for chunk in images] if has_paths else []
        self._starts = np.cumsum([0] + [len(chunk) for chunk in images]).tolist()
        self._checksums = read_checksums(self.path, len(self))
        self.described_columns = self._columns.described
        labels = {name: as_labels(self._table[name]) for name in self._columns.people}
        label, self.found = find_people(labels, self._columns, self.path)
        self.identities = self.found.identities
        self._extra = [name for name in self._columns.others if name != label]

    def __len__(self) -> int:
        return self._starts[-1]

    def __reduce__(self) -> tuple[type["DatasetSource"], tuple[Path, ReadAs]]:
        return DatasetSource, (self.path, self._read_as)

    def read(self, index: int) -> bytes:
        """Return one encoded image."""
        image = self._value(self._bytes, index)
        if image is None:
            raise FembError(
                f"row {index} of {self.path} has no image bytes, only a path",
                hint="save the dataset again with its images inside",
            )
        if self._checksums is not None and checksum_of(image) != self._checksums[index]:
            raise changed_image(self, index, self._shard_of(index))
        return image

    @cached_property
    def names(self) -> Sequence[str]:
        """Unique names, converted to text on access."""
        import pyarrow as pa

        if self._paths and names_of_paths(pa.chunked_array(self._paths)) is not None:
            return ComputedNames(len(self), lambda index: self._value(self._paths, index))
        return row_names(len(self))

    def extra(self, rows_N: np.ndarray) -> "pa.Table | None":
        """Return all columns except images and labels, for some rows; None if there are none."""
        return take_rows(self._extra_columns, rows_N, self.path) if self._extra else None

    @cached_property
    def _extra_columns(self) -> "pa.Table":
        return without_views(self._table.select(self._extra))

    def _shard_of(self, index: int) -> Path:
        """Return the file that stores a row."""
        return self._shards[bisect_right(self._shard_starts, index) - 1]

    def _value(self, chunks: "list[pa.Array]", index: int) -> Any:
        chunk = bisect_right(self._starts, index) - 1
        return chunks[chunk][index - self._starts[chunk]].as_py()


def map_table(path: Path) -> "tuple[pa.Table, list[Path], list[int]]":
    """Map all shards into memory as one table, with the column descriptions of the JSON file beside them.

    Returns:
        The table, the shards, and the first row of each.
    """
    import pyarrow as pa

    try:
        shards = [path / entry["filename"] for entry in read_json(path / STATE_FILE)["_data_files"]]
        tables = [pa.ipc.open_stream(pa.memory_map(str(shard))).read_all() for shard in shards]
        table = pa.concat_tables(tables)
        # Arrow does not check what it maps: reading at a wrong offset would crash the process.
        table.validate(full=True)
    except (KeyError, TypeError, ValueError, OSError, pa.ArrowException) as error:
        raise FembError(f"cannot read the dataset {path}: {error}", hint="it is damaged: make it again") from error
    features = read_json(path / INFO_FILE).get("features") or {}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    return table.replace_schema_metadata(metadata), shards, np.cumsum([0, *map(len, tables[:-1])]).tolist()
