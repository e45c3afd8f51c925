"""A dataset in Parquet files, as the Hugging Face Hub stores it, on this machine or on a remote file system.

A Parquet file is compressed in row groups, so that reading one image means reading its whole group; femb caches the
last groups. Opening a dataset reads only the footers of the files and the labels.

Shapes: N images, G row groups.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from femb_cli.data.checksums import checksum_of, read_checksums
from femb_cli.data.huggingface.byte_cache import ByteCache
from femb_cli.data.huggingface.columns import (
    Columns,
    as_labels,
    concatenate_labels,
    find_columns,
    find_people,
    names_of_paths,
    take_rows,
    with_own_label,
    without_views,
)
from femb_cli.data.huggingface.parquet_files import find_files
from femb_cli.data.read_as import AS_FOUND, ReadAs
from femb_cli.data.source import ComputedNames, RowGroups, changed_image, row_names
from femb_cli.errors import FembError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from fsspec import AbstractFileSystem

CACHE_BYTES = 256 * 2**20
_FOOTER_BYTES = 256 * 2**20
_FILES_AT_ONCE = 8


@dataclass(frozen=True)
class _Opened:
    """What opening a file reads: its columns, the number of rows in each row group, and what may be its labels."""

    columns: Columns
    group_rows: list[int]
    largest_group: int
    labels: "dict[str, pa.ChunkedArray | None]"


class ParquetSource:
    """The images of a Parquet file, or of a folder of them.

    `names` are the stored paths, if every image has one and all are different; otherwise they are the row numbers.
    The first access to a name reads all paths.

    Args:
        path: A Parquet file, or a folder of Parquet files.
        split: The split to read; None takes the only one.
        filesystem: Where `path` is; None for this machine.
        cache_bytes: Memory for the encoded images of the last row groups.
        read_as: The columns that the user names.

    Attributes:
        found: Who is on the images, and what femb guessed of it.
        groups: The row groups of all files, in the order of their rows.

    Raises:
        FembError: There are no files, several splits, no or several columns of images, or a file is damaged.
    """

    kind = "parquet"

    def __init__(
        self,
        path: str | Path,
        *,
        split: str | None = None,
        filesystem: "AbstractFileSystem | None" = None,
        cache_bytes: int = CACHE_BYTES,
        read_as: ReadAs = AS_FOUND,
    ) -> None:
        self.path = Path(path)
        self._reopen = partial(
            ParquetSource, path, split=split, filesystem=filesystem, cache_bytes=cache_bytes, read_as=read_as
        )
        self._read_as = with_own_label(read_as, self.path) if filesystem is None else read_as
        self._filesystem = filesystem
        self._footers: ByteCache[pq.FileMetaData] = ByteCache(_FOOTER_BYTES, lambda footer: footer.serialized_size)
        self._groups: ByteCache[pa.ChunkedArray] = ByteCache(cache_bytes, lambda images: images.nbytes)
        with self._naming_errors(self.path):
            place = self.path.as_posix() if filesystem is None else filesystem._strip_protocol(str(path))
            self._files = find_files(place, split, filesystem)
        with ThreadPoolExecutor(_FILES_AT_ONCE) as threads:
            opened = list(threads.map(self._read_file, self._files))
        self._columns = self._common_columns([file.columns for file in opened])
        self._group_places, starts = _number_groups([file.group_rows for file in opened])
        self.groups = RowGroups(starts, cache_bytes // max(1, *(file.largest_group for file in opened)))
        if not len(self):
            raise FembError(f"{self.path} holds no images")
        self._checksums = read_checksums(self.path, len(self)) if filesystem is None else None
        self.described_columns = self._columns.described
        labels = {name: _common([file.labels[name] for file in opened]) for name in self._columns.people}
        label, self.found = find_people(labels, self._columns, self.path)
        self.identities = self.found.identities
        self._extra = [name for name in self._columns.others if name != label]

    def __len__(self) -> int:
        return int(self.groups.starts[-1])

    def __reduce__(self) -> "tuple[Callable[[], ParquetSource], tuple[()]]":
        return self._reopen, ()

    def read(self, index: int) -> bytes:
        """Return one encoded image."""
        group, row = self._locate(index)
        image = self._groups.get(group, lambda: self._read_images(group))[row].as_py()
        if image is None:
            raise FembError(
                f"row {row} of {self._place(group)} (image {index}) has no image bytes",
                hint="femb cannot read images stored as paths: save the dataset with its images inside",
            )
        if self._checksums is not None and checksum_of(image) != self._checksums[index]:
            raise changed_image(self, index, self._place(group))
        return image

    @cached_property
    def names(self) -> Sequence[str]:
        """Unique names, converted to text on access."""
        if self._columns.has_paths:
            with ThreadPoolExecutor(_FILES_AT_ONCE) as threads:
                paths = _concatenate(list(threads.map(self._read_paths, self._files)))
            if (known := names_of_paths(paths)) is not None:
                flat = known.combine_chunks()
                return ComputedNames(len(self), lambda index: flat[index].as_py())
        return row_names(len(self))

    def extra(self, rows_N: np.ndarray) -> "pa.Table | None":
        """Return all columns except images and labels, for at least one row; None if there are none."""
        import pyarrow as pa

        if not self._extra:
            return None
        order_N = np.argsort(rows_N, kind="stable")
        sorted_N = rows_N[order_N]
        group_N = np.searchsorted(self.groups.starts, sorted_N, side="right") - 1
        groups, firsts = np.unique(group_N, return_index=True)
        tables = [
            take_rows(
                without_views(self._read_group(int(group), self._extra)), rows - self.groups.starts[group], self.path
            )
            for group, rows in zip(groups, np.split(sorted_N, firsts[1:]), strict=True)
        ]
        return pa.concat_tables(tables, promote_options="permissive").take(np.argsort(order_N))

    def _locate(self, index: int) -> tuple[int, int]:
        """Return the row group of an image, and its row in that group."""
        index = range(len(self))[index]
        group = int(np.searchsorted(self.groups.starts, index, side="right")) - 1
        return group, index - int(self.groups.starts[group])

    def _place(self, group: int) -> str:
        file, group_in_file = self._group_places[group].tolist()
        return f"row group {group_in_file} of {self._files[file]}"

    def _read_file(self, file: str) -> _Opened:
        with self._open(file) as parquet:
            columns = find_columns(parquet.schema_arrow, file, self._read_as)
            footer = parquet.metadata
            groups = [footer.row_group(group) for group in range(footer.num_row_groups)]
            largest = max((group.total_byte_size for group in groups), default=0)
            return _Opened(
                columns=columns,
                group_rows=[group.num_rows for group in groups],
                largest_group=largest,
                labels={name: _read_labels(parquet, name, file) for name in columns.people},
            )

    def _read_paths(self, file: str) -> "pa.ChunkedArray":
        with self._open(file) as parquet:
            table = parquet.read([f"{self._columns.image}.path"], use_threads=False)
            return _struct_field(_checked(table, _num_rows(parquet.metadata), file), "path")

    def _read_images(self, group: int) -> "pa.ChunkedArray":
        if not self._columns.has_paths:
            return self._read_group(group, [self._columns.image]).column(0)
        return _struct_field(self._read_group(group, [f"{self._columns.image}.bytes"]), "bytes")

    def _read_group(self, group: int, columns: list[str]) -> "pa.Table":
        file, group_in_file = self._group_places[group].tolist()
        with self._open(self._files[file], self._place(group)) as parquet:
            # femb reads in many threads already; Arrow's threads would only wait for each other.
            table = parquet.read_row_group(group_in_file, columns, use_threads=False)
            return _checked(table, parquet.metadata.row_group(group_in_file).num_rows, self._place(group))

    @contextmanager
    def _open(self, file: str, place: str | None = None) -> "Iterator[pq.ParquetFile]":
        """Open a file for this call only, since threads cannot share one, with the cached footer."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        with self._naming_errors(place or file):
            # With a cache, fsspec would fetch megabytes around each label.
            stream: Any = (
                pa.OSFile(file) if self._filesystem is None else self._filesystem.open(file, "rb", cache_type="none")
            )
            with stream:
                footer = self._footers.get(file, lambda: pq.read_metadata(stream))
                with pq.ParquetFile(stream, metadata=footer, page_checksum_verification=True) as parquet:
                    yield parquet

    @contextmanager
    def _naming_errors(self, place: object) -> Iterator[None]:
        """Turn any error into one that names the place."""
        try:
            yield
        except FembError:
            raise
        # Damaged files and remote file systems raise many kinds of exceptions.
        except Exception as error:
            import pyarrow as pa

            hint = "it is damaged or cut short: download it again" if self._filesystem is None else "is the network up?"
            is_damaged = self._filesystem is None and isinstance(error, pa.ArrowInvalid)  # in pyarrow's own words
            problem = "it is no complete Parquet file" if is_damaged else error
            raise FembError(f"cannot read {place}: {problem}", hint=hint) from error

    def _common_columns(self, columns: list[Columns]) -> Columns:
        """Return the columns of the files, after checking that all have the same."""
        for file, others in zip(self._files, columns, strict=True):
            if others != columns[0]:
                raise FembError(
                    f"{file} has other columns or label names than {self._files[0]}",
                    hint="the files are from several datasets: name one file, or move the others away",
                )
        return columns[0]


def _number_groups(rows_of_files: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Number the row groups of all files, without empty ones.

    Returns:
        The file of each group and its number in that file, int32, (G, 2); and the first row of each group followed by
        the number of rows, int64, (G + 1,).
    """
    groups = [(file, group, rows) for file, of_file in enumerate(rows_of_files) for group, rows in enumerate(of_file)]
    groups_G3 = np.array([group for group in groups if group[2]], dtype=np.int64).reshape(-1, 3)
    return groups_G3[:, :2].astype(np.int32), np.cumsum([0, *groups_G3[:, 2]], dtype=np.int64)


def _read_labels(parquet: "pq.ParquetFile", column: str, file: str) -> "pa.ChunkedArray | None":
    table = parquet.read([column], use_threads=False)
    return as_labels(_checked(table, _num_rows(parquet.metadata), file).column(0))


def _common(labels: "list[pa.ChunkedArray | None]") -> "pa.ChunkedArray | None":
    """Return the labels of all files as one column; None if those of a file are none."""
    parts = [part for part in labels if part is not None]
    return concatenate_labels(parts) if len(parts) == len(labels) else None


def _num_rows(footer: "pq.FileMetaData") -> int:
    """Count the rows of the row groups; the number of rows of the file may be wrong in a damaged footer."""
    return sum(footer.row_group(group).num_rows for group in range(footer.num_row_groups))


def _checked(table: "pa.Table", num_rows: int, place: str) -> "pa.Table":
    """Refuse a table with invalid text or with another number of rows than its footer states."""
    table.validate(full=True)
    if len(table) != num_rows:
        raise FembError(
            f"cannot read {place}: it has {len(table)} rows and states {num_rows}",
            hint="it is damaged: download it again",
        )
    return table


def _struct_field(table: "pa.Table", field: str) -> "pa.ChunkedArray":
    """Return a field of a table's only column, null where the struct is null."""
    import pyarrow.compute as pc

    return pc.struct_field(table.column(0), field)


def _concatenate(columns: "list[pa.ChunkedArray]") -> "pa.ChunkedArray":
    import pyarrow as pa

    return pa.chunked_array([chunk for column in columns for chunk in column.chunks], columns[0].type)
