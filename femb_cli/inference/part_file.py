"""The array of an unfinished embedding: a `.npy` file of its full size that one process fills from the start.

Shape suffixes: N embeddings, D embedding dimension.
"""

import errno
import io
import os
from pathlib import Path
from tokenize import TokenError

import numpy as np
import xxhash
from numpy.typing import NDArray

from femb_cli.files import leads_to, lock

_BLOCK = 1 << 22
"""Bytes that are read at a time."""

_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


class PartFile:
    """A `.npy` file that is open and locked, so that no second process writes the same output.

    Args:
        path: the file; it is made if there is none.
        out: the output that it will become, for error messages.
        embedding_dim: D.

    Attributes:
        rows_hash: XXH3 of the rows that were written, or checked by `holds`.

    Raises:
        FembError: another process is writing `out`.
        OSError: the file cannot be opened.
    """

    def __init__(self, path: Path, out: Path, embedding_dim: int) -> None:
        self.path, self._embedding_dim = path, embedding_dim
        self._descriptor = _open_locked(path, out)
        self.rows_hash = xxhash.xxh3_128()

    @property
    def num_bytes(self) -> int:
        """The size of the file."""
        return os.fstat(self._descriptor).st_size

    def start(self, num_rows: int) -> None:
        """Empty the file, and reserve the space of all rows on the disk.

        Raises:
            OSError: the disk has not enough space.
        """
        os.ftruncate(self._descriptor, 0)
        self._write(0, _header(num_rows, self._embedding_dim))
        _reserve(self._descriptor, self._offset(num_rows))
        self.rows_hash = xxhash.xxh3_128()

    def write(self, rows_ND: NDArray[np.float32], first: int) -> None:
        """Write rows that follow those already there, and wait until they are on the disk.

        Args:
            rows_ND: the rows.
            first: number of rows before them.

        Raises:
            OSError: they cannot be written.
        """
        data = rows_ND.astype("<f4", copy=False).tobytes()
        self._write(self._offset(first), data)
        os.fsync(self._descriptor)
        self.rows_hash.update(data)

    def holds(self, num_rows: int, *, of: int, digest: str, all_done: bool) -> bool:
        """Whether the file has its size and begins with certain rows; `write` then adds the rows that follow.

        Args:
            num_rows: number of these rows.
            of: number of rows that the file has room for.
            digest: checksum of these rows, from `rows_hash`.
            all_done: no row is missing, so that `complete` may have changed the file.
        """
        end = self._offset(num_rows)
        has_size = self.num_bytes == self._offset(of) or (all_done and self.num_bytes >= end)
        headers = {_header(rows, self._embedding_dim) for rows in ((of, num_rows) if all_done else (of,))}
        return has_size and self._hash_rows(end) in headers and self.rows_hash.hexdigest() == digest

    def complete(self, num_rows: int, rest: bytes) -> None:
        """Turn the file into an array of as many rows as were written, followed by other bytes.

        Raises:
            OSError: it cannot be written.
        """
        end = self._offset(num_rows)
        self._write(end, rest)
        os.ftruncate(self._descriptor, end + len(rest))
        self._write(0, _header(num_rows, self._embedding_dim))
        os.fsync(self._descriptor)

    def rename(self, path: Path) -> None:
        """Rename the file, and replace one that is there.

        Raises:
            OSError: it cannot be renamed, or has lost its name.
        """
        if not leads_to(self.path, self._descriptor):
            raise FileNotFoundError(errno.ENOENT, f"{self.path} has been removed meanwhile")
        self.path.replace(path)

    def remove(self) -> None:
        """Remove the file, if it still has its name."""
        if leads_to(self.path, self._descriptor):
            self.path.unlink()

    def close(self) -> None:
        """Close and unlock the file; one that holds nothing is removed."""
        if not self.num_bytes:
            self.remove()
        os.close(self._descriptor)

    def _offset(self, num_rows: int) -> int:
        """Where the rows end."""
        return len(_header(num_rows, self._embedding_dim)) + 4 * num_rows * self._embedding_dim

    def _write(self, offset: int, data: bytes) -> None:
        os.lseek(self._descriptor, offset, os.SEEK_SET)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def _hash_rows(self, end: int) -> bytes:
        """Read up to the end of the rows, set `rows_hash` to their checksum, and return the header."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        header = os.read(self._descriptor, self._offset(0))
        self.rows_hash = xxhash.xxh3_128()
        left = end - len(header)
        while left and (block := os.read(self._descriptor, min(left, _BLOCK))):
            self.rows_hash.update(block)
            left -= len(block)
        return header


def is_part_file(path: Path) -> bool:
    """Whether a file begins as a `PartFile` and is no larger than one, so that a killed embedding may have left it.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        try:
            if np.lib.format.read_magic(file) != (1, 0):
                return False
            (num_rows, embedding_dim), _, _ = np.lib.format.read_array_header_1_0(file)
        except (ValueError, TypeError, SyntaxError, TokenError):
            return size == 0
        end = file.tell() + 4 * num_rows * embedding_dim
        file.seek(0)
        if file.read(len(header := _header(num_rows, embedding_dim))) != header:
            return False
        if size <= end:
            return True
        file.seek(end)  # a finished array is followed by its description
        return file.read(len(np.lib.format.MAGIC_PREFIX)) == np.lib.format.MAGIC_PREFIX


def refuse_second_writer(path: Path, out: Path) -> None:
    """Refuse to start while another process writes an output; `path` is the output's `PartFile`.

    Raises:
        FembError: another process is writing `out`.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | _NO_LINK)
    except OSError:
        return
    try:
        lock(descriptor, out)
    finally:
        os.close(descriptor)


def _header(num_rows: int, embedding_dim: int) -> bytes:
    """Return the beginning of a `.npy` file; NumPy makes it equally long for every number of rows."""
    buffer = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": (num_rows, embedding_dim)}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue()


def _reserve(descriptor: int, size: int) -> None:
    """Give a file its size, and the space on the disk where the system can."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS):
                raise
    os.ftruncate(descriptor, size)


def _open_locked(path: Path, out: Path) -> int:
    """Open and lock the file; open it again if another process has renamed or removed it in between."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _NO_LINK | getattr(os, "O_BINARY", 0), 0o666)
        try:
            lock(descriptor, out)
            if leads_to(path, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
