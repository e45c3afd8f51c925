"""The heads of image records, read for millions of records at once without touching the images.

The payload of an image record is a flag, a label, two numbers (`id`, `id2`), as many further labels as the flag
says, then the encoded image. With a flag above 0 the further labels replace the label.

Shapes: N records, W 32-bit words in the file.
"""

import mmap
import struct
from dataclasses import dataclass, fields

import numpy as np

from femb_cli.data.recordio_format import (
    FIRST,
    LENGTH_BITS,
    MAGIC,
    WHOLE,
    Damage,
    DamagedRecord,
    join_parts,
    padded,
    record_parts,
)

_IMAGE = struct.Struct("<IfQQ")
_RECORDS_AT_ONCE = 2**20


@dataclass(frozen=True)
class RecordHeads:
    """What the heads of N records say; only `damage_N` has a meaning where it is not `Damage.NONE`.

    Attributes:
        labels_N: float32, the first label.
        second_labels_N: float32, the second label, or 0.
        ids_N: uint64.
        ends_N: int64, where the next record should start.
        has_image_N: Whether anything follows the labels.
        damage_N: int8, a `Damage`.
    """

    labels_N: np.ndarray
    second_labels_N: np.ndarray
    ids_N: np.ndarray
    ends_N: np.ndarray
    has_image_N: np.ndarray
    damage_N: np.ndarray


def image_of(payload: bytes) -> bytes:
    """Return the encoded image of a sound payload."""
    flag = _IMAGE.unpack_from(payload)[0]
    return payload[_IMAGE.size + 4 * flag :]


def read_heads(data: mmap.mmap | bytes, offsets_N: np.ndarray) -> RecordHeads:
    """Read the heads of the records at `offsets_N`, int64, ascending, and find out which of them are damaged."""
    words_W = np.frombuffer(data, dtype="<u4", count=len(data) // 4)
    chunks = [
        _read_chunk(data, words_W, offsets_N[start : start + _RECORDS_AT_ONCE])
        for start in range(0, len(offsets_N), _RECORDS_AT_ONCE)
    ]
    heads = RecordHeads(
        *(np.concatenate([getattr(chunk, field.name) for chunk in chunks]) for field in fields(RecordHeads))
    )
    wrong_length_N = _leads_nowhere(words_W, len(data), offsets_N, heads)
    heads.damage_N[wrong_length_N] = Damage.WRONG_LENGTH
    return heads


def _read_chunk(data: mmap.mmap | bytes, words_W: np.ndarray, offsets_N: np.ndarray) -> RecordHeads:
    damage_N = np.zeros(len(offsets_N), dtype=np.int8)

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
    heads = RecordHeads(
        labels_N=np.where(flags_N > 0, word(8), word(3)).view(np.float32),
        second_labels_N=np.where(flags_N > 1, word(9), np.uint32(0)).view(np.float32),
        ids_N=word(4) | word(5).astype(np.uint64) << np.uint64(32),
        ends_N=ends_N,
        has_image_N=image_bytes_N > 0,
        damage_N=damage_N,
    )
    for row in np.flatnonzero((kinds_N == FIRST) & (damage_N == Damage.NONE)):
        _read_split_record(data, int(offsets_N[row]), heads, int(row))
    # A record without an image is InsightFace's header or an identity record, which have further labels.
    mark(~heads.has_image_N & (flags_N == 0), Damage.NO_IMAGE)
    return heads


def _read_split_record(data: mmap.mmap | bytes, offset: int, heads: RecordHeads, row: int) -> None:
    """Fill in one row from a record of several parts, whose head may itself be cut; there are very few of these."""
    try:
        parts = record_parts(data, offset)
    except DamagedRecord:
        heads.damage_N[row] = Damage.PART_MISSING
        return
    payload = join_parts(data, parts)
    flag, label, heads.ids_N[row], _ = _IMAGE.unpack_from(payload.ljust(_IMAGE.size, b"\0"))
    first_of_image = _IMAGE.size + 4 * flag
    if len(payload) < first_of_image:
        heads.damage_N[row] = Damage.TOO_SHORT
        return
    labels = np.frombuffer(payload, dtype="<f4", count=flag, offset=_IMAGE.size) if flag else [label]
    heads.labels_N[row] = labels[0]
    heads.second_labels_N[row] = labels[1] if len(labels) > 1 else 0
    heads.ends_N[row] = padded(parts[-1][1])
    heads.has_image_N[row] = len(payload) > first_of_image


def _leads_nowhere(words_W: np.ndarray, size: int, offsets_N: np.ndarray, heads: RecordHeads) -> np.ndarray:
    """Whether a record ends neither with the file, nor where another is said to start, nor at a magic."""
    ends_N = np.where(heads.damage_N == Damage.NONE, heads.ends_N, size)
    at_next_N = ends_N == np.append(offsets_N[1:], size)
    at_magic_N = words_W[np.minimum(ends_N // 4, len(words_W) - 1)] == MAGIC
    return (heads.damage_N == Damage.NONE) & (ends_N < size) & ~at_next_N & ~at_magic_N
