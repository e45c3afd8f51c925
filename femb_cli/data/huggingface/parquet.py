"""A dataset as the Hugging Face Hub holds it: Parquet files of images and labels, here or on a remote file system.

A Parquet file is compressed in row groups, so an image costs its whole group: groups are read whole and the last ones
kept. On opening, only the files' footers and the labels are read.

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

from femb_cli.data.huggingface.byte_cache import ByteCache
from femb_cli.data.huggingface.columns import Columns, are_unique, find_columns, identities_of, is_text
from femb_cli.data.huggingface.parquet_files import find_files
from femb_cli.data.source import ComputedNames, RowGroups, row_names
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
    """What is kept of a file: its columns, the rows of each of its row groups, and its labels."""

    columns: Columns
    group_rows: list[int]
    largest_group: int
    labels: "pa.ChunkedArray"


class ParquetSource:
    """The images of a Parquet file, or of a folder of them.

    `names` are the images' stored paths if all of them have one and no two the same, else the row numbers; which of
    the two is found out when the first is asked for, by reading all paths.

    Args:
        path: of a file, or of a folder that holds them, in folders or not.
        split: which files to take where their names tell of splits; None takes the only one.
        filesystem: where `path` is; None for this machine.
        cache_bytes: how much memory the encoded images of the last row groups may take.

    Attributes:
        groups: Rows that lie in few row groups are read fast; rows at random cost a whole row group each.

    Raises:
        FembError: No files, damaged ones, several splits, no or several columns of images, none of identities.
    """

    kind = "parquet"

    def __init__(
        self,
        path: str | Path,
        *,
        split: str | None = None,
        filesystem: "AbstractFileSystem | None" = None,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self.path = Path(path)
        self._reopen = partial(ParquetSource, path, split=split, filesystem=filesystem, cache_bytes=cache_bytes)
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
        labels = _concatenate([file.labels for file in opened])
        self.identities = identities_of(labels, self._columns.label_names, self.path)

    def __len__(self) -> int:
        return int(self.groups.starts[-1])

    def __reduce__(self) -> "tuple[Callable[[], ParquetSource], tuple[()]]":
        return self._reopen, ()

    def read(self, index: int) -> bytes:
        """Return the encoded bytes of one image."""
        group, row = self._locate(index)
        image = self._groups.get(group, lambda: self._read_images(group))[row].as_py()
        if image is None:
            raise FembError(
                f"row {row} of {self._place(group)} (image {index}) has no image bytes",
                hint="images that are given as paths only cannot be read: save the dataset with its images inside",
            )
        return image

    @cached_property
    def names(self) -> Sequence[str]:
        """Unique names."""
        if self._columns.has_paths:
            with ThreadPoolExecutor(_FILES_AT_ONCE) as threads:
                paths = _concatenate(list(threads.map(self._read_paths, self._files)))
            if are_unique(paths):
                flat = paths.combine_chunks()
                return ComputedNames(len(self), lambda index: flat[index].as_py())
        return row_names(len(self))

    def extra(self, rows_N: np.ndarray) -> "pa.Table | None":
        """Return all columns but the images and labels, of at least one row, in the order asked for; None if none."""
        import pyarrow as pa

        if not self._columns.further:
            return None
        order_N = np.argsort(rows_N, kind="stable")
        sorted_N = rows_N[order_N]
        group_N = np.searchsorted(self.groups.starts, sorted_N, side="right") - 1
        groups, firsts = np.unique(group_N, return_index=True)
        tables = [
            self._read_group(int(group), list(self._columns.further)).take(rows - self.groups.starts[group])
            for group, rows in zip(groups, np.split(sorted_N, firsts[1:]), strict=True)
        ]
        return pa.concat_tables(tables, promote_options="permissive").take(np.argsort(order_N))

    def _locate(self, index: int) -> tuple[int, int]:
        """Return the row group of an image, and its row in there."""
        index = range(len(self))[index]
        group = int(np.searchsorted(self.groups.starts, index, side="right")) - 1
        return group, index - int(self.groups.starts[group])

    def _place(self, group: int) -> str:
        file, group_in_file = self._group_places[group].tolist()
        return f"row group {group_in_file} of {self._files[file]}"

    def _read_file(self, file: str) -> _Opened:
        with self._open(file) as parquet:
            columns = find_columns(parquet.schema_arrow, file)
            footer = parquet.metadata
            groups = [footer.row_group(group) for group in range(footer.num_row_groups)]
            largest = max((group.total_byte_size for group in groups), default=0)
            table = parquet.read([columns.label], use_threads=False)
            labels = _checked(table, _num_rows(footer), file).column(0)
            return _Opened(
                columns=columns,
                group_rows=[group.num_rows for group in groups],
                largest_group=largest,
                labels=labels if is_text(labels.type) else labels.cast("int64"),
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
            # Many threads read at once: Arrow's own would only wait for each other.
            table = parquet.read_row_group(group_in_file, columns, use_threads=False)
            return _checked(table, parquet.metadata.row_group(group_in_file).num_rows, self._place(group))

    @contextmanager
    def _open(self, file: str, place: str | None = None) -> "Iterator[pq.ParquetFile]":
        """Open a file anew, which no other thread or process shares, with the footer as it was read before."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        with self._naming_errors(place or file):
            # Without a cache a remote file yields what is asked for, rather than megabytes around a label.
            stream: Any = (
                pa.OSFile(file) if self._filesystem is None else self._filesystem.open(file, "rb", cache_type="none")
            )
            with stream:
                footer = self._footers.get(file, lambda: pq.read_metadata(stream))
                with pq.ParquetFile(stream, metadata=footer, page_checksum_verification=True) as parquet:
                    yield parquet

    @contextmanager
    def _naming_errors(self, place: object) -> Iterator[None]:
        """Say where something could not be read."""
        try:
            yield
        except FembError:
            raise
        # Damaged files raise many kinds of errors, and remote file systems those of their transport.
        except Exception as error:
            hint = "it is damaged or cut short: fetch it again" if self._filesystem is None else "is the network up?"
            raise FembError(f"cannot read {place}: {error}", hint=hint) from error

    def _common_columns(self, columns: list[Columns]) -> Columns:
        """Return the columns that all files have."""
        for file, others in zip(self._files, columns, strict=True):
            if others != columns[0]:
                raise FembError(
                    f"{file} has other columns or names of labels than {self._files[0]}",
                    hint="they are not of one dataset: name one file, or put the others elsewhere",
                )
        return columns[0]


def _number_groups(rows_of_files: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Number the row groups of all files, but for those without a row.

    Returns:
        The file of each and its number there, int32 (G, 2); the first row of each and the number of rows, (G + 1,).
    """
    groups = [(file, group, rows) for file, of_file in enumerate(rows_of_files) for group, rows in enumerate(of_file)]
    groups_G3 = np.array([group for group in groups if group[2]], dtype=np.int64).reshape(-1, 3)
    return groups_G3[:, :2].astype(np.int32), np.cumsum([0, *groups_G3[:, 2]], dtype=np.int64)


def _num_rows(footer: "pq.FileMetaData") -> int:
    """Return how many rows the row groups have, which a damaged footer may state otherwise for the file."""
    return sum(footer.row_group(group).num_rows for group in range(footer.num_row_groups))


def _checked(table: "pa.Table", num_rows: int, place: str) -> "pa.Table":
    """Refuse a table that has not the rows that its footer states, or text that is none, as a damaged file may."""
    table.validate(full=True)
    if len(table) != num_rows:
        raise FembError(
            f"cannot read {place}: it has {len(table)} rows and states {num_rows}", hint="it is damaged: fetch it again"
        )
    return table


def _struct_field(table: "pa.Table", field: str) -> "pa.ChunkedArray":
    """Return a field of a table's only column, null where the struct is."""
    import pyarrow.compute as pc

    return pc.struct_field(table.column(0), field)


def _concatenate(columns: "list[pa.ChunkedArray]") -> "pa.ChunkedArray":
    import pyarrow as pa

    return pa.chunked_array([chunk for column in columns for chunk in column.chunks], columns[0].type)
