"""The headers of image records, read for millions of records at once without reading the images.

The payload of an image record starts with MXNet's `IRHeader`: a flag, a label and two numbers, `id` and `id2`. If the
flag is above 0, it is the number of labels that follow and replace the label. The rest of the payload is the encoded
image.

Source: MXNet, python/mxnet/recordio.py.

Shapes: N records, W 32-bit words in the file.
"""

import mmap
import struct
from dataclasses import dataclass
from typing import Self

import numpy as np

from femb_cli.data.recordio.format import (
    FIRST,
    LENGTH_BITS,
    MAGIC,
    WHOLE,
    Damage,
    DamagedRecord,
    join_parts,
    padded,
    record_parts,
    release_pages,
)

_IMAGE = struct.Struct("<IfQQ")
_RECORDS_AT_ONCE = 2**14


@dataclass(frozen=True)
class RecordHeaders:
    """The headers of N records. Of a damaged record only `damage_N` is meaningful.

    Attributes:
        labels_N: The first label, float32.
        second_labels_N: The second label, or 0; float32.
        ids_N: The number `id`, uint64; empty if the ids were not read.
        has_image_N: Whether an image follows the labels.
        is_followed_N: Whether the next known record, or the end of the file, follows immediately.
        damage_N: A `Damage`, int8.
    """

    labels_N: np.ndarray
    second_labels_N: np.ndarray
    ids_N: np.ndarray
    has_image_N: np.ndarray
    is_followed_N: np.ndarray
    damage_N: np.ndarray

    @classmethod
    def empty(cls, length: int, *, with_ids: bool) -> Self:
        """Return headers to fill in."""
        labels_N, second_labels_N = np.zeros((2, length), dtype=np.float32)
        ids_N = np.zeros(length if with_ids else 0, dtype=np.uint64)
        has_image_N, is_followed_N = np.zeros((2, length), dtype=bool)
        return cls(labels_N, second_labels_N, ids_N, has_image_N, is_followed_N, np.zeros(length, dtype=np.int8))


def read_image(data: mmap.mmap | bytes, offset: int) -> bytes:
    """Return the encoded image of the intact record at `offset`."""
    parts = record_parts(data, offset)
    if len(parts) > 1:
        payload = join_parts(data, parts)
        return payload[_start_of_image(payload, 0) :]
    start, end = parts[0]
    return data[_start_of_image(data, start) : end]


def _start_of_image(data: mmap.mmap | bytes, start: int) -> int:
    """Return where the image starts, given where its payload starts."""
    return start + _IMAGE.size + 4 * _IMAGE.unpack_from(data, start)[0]


def image_bounds(data: mmap.mmap | bytes, offsets_N: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return start and end of the images of intact records, int64, (N,), and whether each is in one part."""
    words_W = np.frombuffer(data, dtype="<u4", count=len(data) // 4)
    first_word_N = offsets_N // 4
    lengths_N = words_W[first_word_N + 1]
    flags_N = words_W[np.minimum(first_word_N + 2, len(words_W) - 1)].astype(np.int64)
    ends_N = offsets_N + 8 + (lengths_N & (1 << LENGTH_BITS) - 1)
    return offsets_N + 8 + _IMAGE.size + 4 * flags_N, ends_N, lengths_N >> LENGTH_BITS == WHOLE


def read_headers(data: mmap.mmap | bytes, offsets_N: np.ndarray, *, with_ids: bool = True) -> RecordHeaders:
    """Read the headers of the records at `offsets_N`, int64, ascending, and detect the damaged ones."""
    words_W = np.frombuffer(data, dtype="<u4", count=len(data) // 4)
    headers = RecordHeaders.empty(len(offsets_N), with_ids=with_ids)
    for start in range(0, len(offsets_N), _RECORDS_AT_ONCE):
        rows = slice(start, start + _RECORDS_AT_ONCE)
        following_N = offsets_N[start + 1 : start + 1 + _RECORDS_AT_ONCE]
        if len(following_N) < len(offsets_N[rows]):
            following_N = np.append(following_N, len(data))
        _read_chunk(data, words_W, offsets_N[rows], following_N, headers, rows)
        inside = offsets_N[rows][(offsets_N[rows] >= 0) & (offsets_N[rows] < len(data))]
        if len(inside):
            release_pages(data, int(inside[0]), int(inside[-1]))
    return headers


def _read_chunk(
    data: mmap.mmap | bytes,
    words_W: np.ndarray,
    offsets_N: np.ndarray,
    following_N: np.ndarray,
    headers: RecordHeaders,
    rows: slice,
) -> None:
    """Fill in `rows` of the headers."""
    damage_N = headers.damage_N[rows]

    def mark(bad_N: np.ndarray, damage: Damage) -> None:
        damage_N[bad_N & (damage_N == Damage.NONE)] = damage

    mark((offsets_N < 0) | (offsets_N >= len(data)), Damage.OUTSIDE)
    mark(offsets_N % 4 != 0, Damage.UNALIGNED)
    mark(offsets_N + 8 > len(data), Damage.CUT_SHORT)
    first_word_N = np.where(damage_N == Damage.NONE, offsets_N // 4, 0)

    def word(number: int) -> np.ndarray:
        return words_W[np.minimum(first_word_N + number, len(words_W) - 1)]

    mark(word(0) != MAGIC, Damage.NO_MAGIC)
    kinds_N, lengths_N = word(1) >> LENGTH_BITS, (word(1) & (1 << LENGTH_BITS) - 1).astype(np.int64)
    mark(kinds_N > FIRST, Damage.NOT_A_START)
    ends_N = offsets_N + 8 + (lengths_N + 3 & ~3)
    mark(ends_N > len(data), Damage.CUT_SHORT)
    flags_N = word(2).astype(np.int64)
    image_bytes_N = lengths_N - _IMAGE.size - 4 * flags_N
    mark((kinds_N == WHOLE) & (image_bytes_N < 0), Damage.TOO_SHORT)
    headers.labels_N[rows] = np.where(flags_N > 0, word(8), word(3)).view(np.float32)
    headers.second_labels_N[rows] = np.where(flags_N > 1, word(9), np.uint32(0)).view(np.float32)
    headers.has_image_N[rows] = image_bytes_N > 0
    if len(headers.ids_N):
        headers.ids_N[rows] = word(4) | word(5).astype(np.uint64) << np.uint64(32)
    for row in np.flatnonzero((kinds_N == FIRST) & (damage_N == Damage.NONE)):
        ends_N[row] = _read_split_record(data, int(offsets_N[row]), headers, rows.start + int(row))
    # Records without an image are InsightFace's header and identity records; these have a flag above 0.
    mark(~headers.has_image_N[rows] & (flags_N == 0), Damage.NO_IMAGE)
    mark(_have_wrong_length(words_W, len(data), ends_N, following_N), Damage.WRONG_LENGTH)
    headers.is_followed_N[rows] = (ends_N == following_N) | (ends_N == len(data))


def _read_split_record(data: mmap.mmap | bytes, offset: int, headers: RecordHeaders, row: int) -> int:
    """Fill in the header of a record of several parts, and return where the record ends.

    The header itself may be cut into parts. Such records are rare, so they are read one by one.
    """
    try:
        parts = record_parts(data, offset)
    except DamagedRecord:
        headers.damage_N[row] = Damage.PART_MISSING
        return len(data)
    payload = join_parts(data, parts)
    flag, label, number, _ = _IMAGE.unpack_from(payload.ljust(_IMAGE.size, b"\0"))
    first_of_image = _IMAGE.size + 4 * flag
    if len(payload) < first_of_image:
        headers.damage_N[row] = Damage.TOO_SHORT
        return len(data)
    labels = np.frombuffer(payload, dtype="<f4", count=flag, offset=_IMAGE.size) if flag else [label]
    headers.labels_N[row] = labels[0]
    headers.second_labels_N[row] = labels[1] if len(labels) > 1 else 0
    headers.has_image_N[row] = len(payload) > first_of_image
    if len(headers.ids_N):
        headers.ids_N[row] = number
    return padded(parts[-1][1])


def _have_wrong_length(words_W: np.ndarray, size: int, ends_N: np.ndarray, following_N: np.ndarray) -> np.ndarray:
    """Return which records end neither with the file, nor where the next one starts, nor at a magic number."""
    # A wrong index can place a record outside the file, even below zero.
    at_magic_N = words_W[np.clip(ends_N // 4, 0, len(words_W) - 1)] == MAGIC
    return (ends_N < size) & (ends_N != following_N) & ~at_magic_N
