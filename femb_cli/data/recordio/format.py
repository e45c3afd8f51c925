"""The binary format of RecordIO: parts, records and the index file.

A file is a sequence of parts. A part is the magic number, 32 bits with the kind (3 bits) and the length (29 bits), the
data, and zeros up to a multiple of four bytes. A record is usually one part. If its payload contains the magic number
at a multiple of four, the record is cut there into several parts, and the magic number is left out. The index is a text
file with a key and an offset on each line.

Source: dmlc-core, include/dmlc/recordio.h; MXNet, python/mxnet/recordio.py.

Shapes: N records.
"""

import mmap
import struct
from array import array
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path

import numpy as np

from femb_cli.errors import FembError

MAGIC = 0xCED7230A
WHOLE, FIRST, MIDDLE, LAST = range(4)
LENGTH_BITS = 29
_MAGIC_BYTES = struct.pack("<I", MAGIC)
_PART = struct.Struct("<II")
_INDEX_BLOCK = 2**23
_SCANNED_AT_ONCE = 2**26
_WITHOUT_INDEX = "repair or remove {}: without an index femb scans the records"


class Damage(IntEnum):
    """What can be wrong with a record; stored as int8, one for each of forty million records."""

    NONE = 0
    OUTSIDE = 1
    UNALIGNED = 2
    NO_MAGIC = 3
    NOT_A_START = 4
    CUT_SHORT = 5
    PART_MISSING = 6
    TOO_SHORT = 7
    NO_IMAGE = 8
    WRONG_LENGTH = 9


REASONS = {
    Damage.OUTSIDE: "the index points outside the file",
    Damage.UNALIGNED: "the index points to an offset that is not a multiple of 4",
    Damage.NO_MAGIC: "no record starts here (wrong magic number)",
    Damage.NOT_A_START: "a record cannot start with a part of this kind",
    Damage.CUT_SHORT: "the file ends inside the record",
    Damage.PART_MISSING: "the record is split and a part of it is missing",
    Damage.TOO_SHORT: "the record is too short for an image and its labels",
    Damage.NO_IMAGE: "the record holds no image",
    Damage.WRONG_LENGTH: "the record's length is wrong: no record starts where it ends",
}


class DamagedRecord(Exception):
    """Raised when a part of a record is missing or invalid."""

    def __init__(self, damage: Damage) -> None:
        super().__init__(REASONS[damage])
        self.damage = damage


def map_records(path: Path) -> mmap.mmap:
    """Map a record file into memory; threads and forked processes can share the map.

    Raises:
        FembError: The file cannot be opened or is shorter than any record.
    """
    try:
        if path.stat().st_size < _PART.size:
            raise FembError(f"{path} is shorter than any record: {path.stat().st_size} bytes")
        with path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise FembError(f"cannot read {path}: {error.strerror}") from error


def record_parts(data: mmap.mmap | bytes, offset: int) -> list[tuple[int, int]]:
    """Return the start and the end of the data in each part of the record at `offset`.

    Raises:
        DamagedRecord: The record is not complete.
    """
    kind, start, end = _part(data, offset)
    if kind not in (WHOLE, FIRST):
        raise DamagedRecord(Damage.NOT_A_START)
    parts = [(start, end)]
    while kind not in (WHOLE, LAST):
        kind, start, end = _part(data, padded(end))
        if kind not in (MIDDLE, LAST):
            raise DamagedRecord(Damage.PART_MISSING)
        parts.append((start, end))
    return parts


def join_parts(data: mmap.mmap | bytes, parts: list[tuple[int, int]]) -> bytes:
    """Return the payload of a record, with the magic number between its parts."""
    return _MAGIC_BYTES.join(data[start:end] for start, end in parts)


def padded(end: int) -> int:
    """Return where the next part starts, after data that end at `end`."""
    return (end + 3) & ~3


def scan(data: mmap.mmap | bytes) -> np.ndarray:
    """Find all records by following their lengths, and return their offsets, int64, (N,).

    The offset of a damaged record is included. The scan then continues at the next magic number that starts a record;
    the data of an intact record never contain one.
    """
    offsets = array("q")
    position = released = 0
    while position < len(data):
        offsets.append(position)
        try:
            position = padded(record_parts(data, position)[-1][1])
        except DamagedRecord:
            position = _next_start(data, position + 4)
        if position - released > _SCANNED_AT_ONCE:
            release_pages(data, released, position)
            released = position
    return np.frombuffer(offsets, dtype=np.int64)


def read_index(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read an index, sorted by offset.

    Returns:
        The keys, int32 if they fit, else int64, (N,), and the offsets, int64, (N,).

    Raises:
        FembError: A line is not a key and an offset, a key or an offset is repeated, or the index is empty.
    """
    keys, offsets = array("q"), array("q")
    for block in _index_blocks(path):
        keys.frombytes(block[0::2].tobytes())
        offsets.frombytes(block[1::2].tobytes())
    if not keys:
        raise FembError(f"the index {path} is empty", hint=_WITHOUT_INDEX.format(path.name))
    keys_N, offsets_N = np.frombuffer(keys, dtype=np.int64), np.frombuffer(offsets, dtype=np.int64)
    if keys_N.min() >= -(2**31) and keys_N.max() < 2**31:
        keys_N = keys_N.astype(np.int32)
        del keys
    _refuse_repeated(path, "key", keys_N)
    _refuse_repeated(path, "offset", offsets_N)
    if _ascends(offsets_N):
        return keys_N, offsets_N
    order_N = np.argsort(offsets_N)
    return keys_N[order_N], offsets_N[order_N]


def release_pages(data: mmap.mmap | bytes, start: int, end: int) -> None:
    """Remove the pages of a map from this process's memory; they stay in the cache of the system.

    Otherwise reading a file of 100 GB once would count as 100 GB of memory.
    """
    if isinstance(data, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        start -= start % mmap.PAGESIZE
        data.madvise(mmap.MADV_DONTNEED, start, min(end, len(data)) - start)


def _index_blocks(path: Path) -> Iterator[np.ndarray]:
    """Yield the numbers in the index, a block of lines at a time, int64, (2 x lines,)."""
    first_line = 1
    with path.open("rb") as file:
        text = file.read(_INDEX_BLOCK).removeprefix(b"\xef\xbb\xbf")
        while text:
            text += file.readline()
            try:
                numbers = np.fromstring(text, dtype=np.int64, sep=" ")
            except ValueError:
                numbers = np.empty(1, dtype=np.int64)
            if len(numbers) % 2:
                raise FembError(_bad_line(path, text, first_line), hint=_WITHOUT_INDEX.format(path.name))
            yield numbers
            first_line += text.count(b"\n")
            text = file.read(_INDEX_BLOCK)


def _part(data: mmap.mmap | bytes, offset: int) -> tuple[int, int, int]:
    """Return the kind of the part at `offset`, and the start and the end of its data."""
    start = offset + _PART.size
    if start > len(data):
        raise DamagedRecord(Damage.CUT_SHORT)
    magic, word = _PART.unpack_from(data, offset)
    if magic != MAGIC:
        raise DamagedRecord(Damage.NO_MAGIC)
    end = start + (word & (1 << LENGTH_BITS) - 1)
    if padded(end) > len(data):
        raise DamagedRecord(Damage.CUT_SHORT)
    return word >> LENGTH_BITS, start, end


def _next_start(data: mmap.mmap | bytes, position: int) -> int:
    """Return the offset of the next part that starts a record, from `position` on; the end of the file if none does."""
    while (position := data.find(_MAGIC_BYTES, position)) >= 0:
        if position % 4 == 0 and position + _PART.size <= len(data) and data[position + 7] >> 5 in (WHOLE, FIRST):
            return position
        position += 1
    return len(data)


def _bad_line(path: Path, text: bytes, first_line: int) -> str:
    for number, line in enumerate(text.splitlines(), start=first_line):
        fields = line.split()
        if fields and not (len(fields) == 2 and all(field.lstrip(b"-").isdigit() for field in fields)):
            return f"line {number} of the index {path} is not a key and an offset: {line[:60]!r}"
    return f"the index {path} does not consist of keys and offsets"


def _refuse_repeated(path: Path, what: str, numbers_N: np.ndarray) -> None:
    if not _ascends(numbers_N):
        numbers_N = np.sort(numbers_N)
    repeated = np.flatnonzero(numbers_N[1:] == numbers_N[:-1])
    if len(repeated):
        value = numbers_N[repeated[0]]
        raise FembError(
            f"the index {path} has the {what} {value} {(numbers_N == value).sum()} times",
            hint=_WITHOUT_INDEX.format(path.name),
        )


def _ascends(numbers_N: np.ndarray) -> bool:
    return bool((numbers_N[1:] > numbers_N[:-1]).all())
