"""Images in a RecordIO file, with the records that InsightFace adds to its datasets.

InsightFace adds records without an image. The header record (key 0) has two labels: the end of the images' keys and
the end of all keys. Each identity has a record with two labels: the first key of its images and the end of their keys.

Shapes: N records or images.
"""

import warnings
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from femb_cli.data.identities import Identities
from femb_cli.data.images.encoded import Encoded
from femb_cli.data.recordio.format import (
    MAGIC,
    REASONS,
    Damage,
    map_records,
    read_index,
    release_pages,
    scan,
)
from femb_cli.data.recordio.headers import RecordHeaders, image_bounds, read_headers, read_image
from femb_cli.data.recordio.sidecar_list import listed_people, sidecar_columns
from femb_cli.data.source import ComputedNames, read_or_error
from femb_cli.errors import FembError

if TYPE_CHECKING:
    import pyarrow as pa

LARGEST_EXACT_FLOAT32 = 2**24
_LARGEST_IDENTITY = 2**31


class RecordError(FembError):
    """A damaged record; the other records may be intact.

    Attributes:
        key: The record's key, or '@' and its offset if it has none.
        offset: Position of the record in the file, in bytes.
        reason: What is wrong with the record.
    """

    def __init__(self, path: Path, key: str, offset: int, reason: str) -> None:
        super().__init__(f"record {key} at offset {offset} of {path}: {reason}")
        self.key = key
        self.offset = offset
        self.reason = reason


class RecordSource:
    """The images of a record file, in the order of the file.

    `names` are the keys in the index beside the file. Without an index femb scans the file; then the names are the
    `id` of each record, or the positions if two ids are equal. Header and identity records are left out.

    Identities are named by their number and sorted by it. A label that is not a whole number from 0 up means that the
    identity is unknown. A damaged record stays among the images, without an identity; reading it raises `RecordError`.
    If the labels tell nobody from anybody, a list beside the file says who is on the images, see `listed_people`.

    Attributes:
        found: Who is on the images, and where that is said.

    Raises:
        FembError: The file is not RecordIO or holds no intact image, or its index cannot be read.

    Warns:
        UserWarning: Header record, index and labels contradict each other, in which case femb uses the labels; or the
            identities' numbers are too large for float32.
    """

    kind = "recordio"

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._data = map_records(self.path)
        index = self.path.with_suffix(".idx")
        keys_N, offsets_N = read_index(index) if index.exists() else (None, scan(self._data))
        headers = read_headers(self._data, offsets_N, with_ids=keys_N is None)
        if keys_N is None:
            keys_N = _keys_from_ids(headers)
        for message in _contradictions(keys_N, offsets_N, headers):
            warnings.warn(f"{self.path}: {message}", stacklevel=2)
        self._keep(keys_N, offsets_N, headers)
        self._last_read = (0, 0)

    def __len__(self) -> int:
        return len(self._offsets_N)

    def __reduce__(self) -> tuple[type["RecordSource"], tuple[Path]]:
        return RecordSource, (self.path,)

    def read(self, index: int) -> bytes:
        """Return one encoded image.

        Raises:
            RecordError: The record is damaged.
        """
        if self._damage_N[index] != Damage.NONE:
            raise self._error(index)
        return read_image(self._data, int(self._offsets_N[index]))

    def read_many(self, rows_N: np.ndarray) -> list[Encoded | FembError]:
        """Return the encoded image of each row, or its error; images that are in one part are not copied.

        Each call releases the memory that the previous call read, because whole files are read this way.
        """
        release_pages(self._data, *self._last_read)
        offsets_N, damage_N = self._offsets_N[rows_N], self._damage_N[rows_N]
        starts_N, ends_N, is_one_part_N = image_bounds(self._data, np.where(damage_N == Damage.NONE, offsets_N, 0))
        view = memoryview(self._data)
        images: list[Encoded | FembError] = [
            view[start:end] for start, end in zip(starts_N.tolist(), ends_N.tolist(), strict=True)
        ]
        for place in np.flatnonzero((damage_N != Damage.NONE) | ~is_one_part_N).tolist():
            images[place] = read_or_error(self, int(rows_N[place]))
        self._last_read = int(starts_N.min(initial=0)), int(ends_N.max(initial=0))
        return images

    def extra(self, rows_N: np.ndarray) -> "pa.Table | None":
        """Return the extra columns of the list beside the records; None if there is no such list."""
        return None if self._sidecar_columns is None else self._sidecar_columns.take(rows_N)

    @cached_property
    def _sidecar_columns(self) -> "pa.Table | None":
        return sidecar_columns(self.path, self._keys_N, self.identities)

    def _keep(self, keys_N: np.ndarray, offsets_N: np.ndarray, headers: RecordHeaders) -> None:
        """Keep the records that are images, and the damaged ones, which may have been images."""
        is_kept_N = headers.has_image_N | (headers.damage_N != Damage.NONE)
        damage_N, labels_N = headers.damage_N, headers.labels_N
        if not is_kept_N.all():
            keys_N, offsets_N = keys_N[is_kept_N], offsets_N[is_kept_N]
            damage_N, labels_N = damage_N[is_kept_N], labels_N[is_kept_N]
        self._keys_N, self._offsets_N, self._damage_N = keys_N, offsets_N, damage_N
        self.names = ComputedNames(len(keys_N), self._name, self._names_of)
        if not (damage_N == Damage.NONE).any():
            raise self._no_image()
        self.found = listed_people(self.path, keys_N, _identities(labels_N, damage_N == Damage.NONE))
        self.identities = self.found.identities

    def _name(self, index: int) -> str:
        key = self._keys_N[index]
        return str(key) if key >= 0 else f"@{self._offsets_N[index]}"

    def _names_of(self, rows_N: np.ndarray) -> list[str]:
        keys_N = self._keys_N[rows_N]
        if (keys_N < 0).any():
            return [self._name(row) for row in rows_N.tolist()]
        return list(map(str, keys_N.tolist()))

    def _error(self, index: int) -> RecordError:
        reason = REASONS[Damage(self._damage_N[index])]
        return RecordError(self.path, self._name(index), int(self._offsets_N[index]), reason)

    def _no_image(self) -> FembError:
        start = self._data[:16]
        if start[:4] != MAGIC.to_bytes(4, "little"):
            return FembError(
                f"{self.path} is not a RecordIO file: it starts with {start!r}", hint="it may be a failed download"
            )
        return self._error(0) if len(self._offsets_N) else FembError(f"{self.path} holds no images")


def _keys_from_ids(headers: RecordHeaders) -> np.ndarray:
    """Return the ids of the intact records as keys, -1 for the others; positions if the ids are not unique."""
    is_intact_N = headers.damage_N == Damage.NONE
    ids_N = headers.ids_N[is_intact_N]
    if len(np.unique(ids_N)) < len(ids_N) or (ids_N >= 2**63).any():
        return np.arange(len(is_intact_N), dtype=np.int64)
    return np.where(is_intact_N, headers.ids_N, np.uint64(2**64 - 1)).view(np.int64)


def _identities(labels_N: np.ndarray, is_intact_N: np.ndarray) -> Identities | None:
    """Number the identities from 0 without gaps, in the order of their stored numbers."""
    with np.errstate(invalid="ignore"):
        is_number_N = is_intact_N & (labels_N >= 0) & (labels_N < _LARGEST_IDENTITY) & (labels_N == np.floor(labels_N))
    if not is_number_N.any():
        return None
    with np.errstate(invalid="ignore"):
        numbers_N = labels_N.astype(np.int32)
    numbers_N[~is_number_N] = 0
    if numbers_N.max() < 4 * len(numbers_N) + 2**20:
        # A table of the numbers that occur: sorting forty million numbers would take gigabytes.
        occurs = np.zeros(int(numbers_N.max()) + 1, dtype=bool)
        occurs[numbers_N[is_number_N]] = True
        present, dense_N = np.flatnonzero(occurs), (np.cumsum(occurs, dtype=np.int32) - 1)[numbers_N]
    else:
        present = np.unique(numbers_N[is_number_N])
        dense_N = np.searchsorted(present, numbers_N).astype(np.int32)
    dense_N[~is_number_N] = -1
    return Identities([str(number) for number in present.tolist()], dense_N)


def _contradictions(keys_N: np.ndarray, offsets_N: np.ndarray, headers: RecordHeaders) -> Iterator[str]:
    """Yield a warning for each contradiction; all images can be read nevertheless."""
    is_intact_N = headers.damage_N == Damage.NONE
    is_image_N = is_intact_N & headers.has_image_N
    if (is_image_N & (headers.labels_N >= LARGEST_EXACT_FLOAT32) & np.isfinite(headers.labels_N)).any():
        yield f"RecordIO stores identities from {LARGEST_EXACT_FLOAT32} on inexactly: several people may share a number"
    first = offsets_N[np.searchsorted(offsets_N, 0) :][:1]
    if (first > 0).any() or not headers.is_followed_N[is_intact_N].all():
        yield "the file holds records that are not in the index; they are left out"
    for row in np.flatnonzero(is_intact_N & ~headers.has_image_N & (keys_N == 0)):
        stated = float(headers.labels_N[row]) - 1
        if is_intact_N.all() and stated != is_image_N.sum() and stated < LARGEST_EXACT_FLOAT32:
            yield f"the header record states {stated:.0f} images, but there are {is_image_N.sum()}"
    if not _ranges_agree(keys_N, headers, is_image_N, is_intact_N & ~headers.has_image_N & (keys_N != 0)):
        yield "an identity record contradicts the labels of its images; femb uses the labels"


def _ranges_agree(keys_N: np.ndarray, headers: RecordHeaders, is_image_N: np.ndarray, is_range_N: np.ndarray) -> bool:
    """Whether all images in the key range of each identity record have the same label."""
    if not is_range_N.any():
        return True
    keys, labels = keys_N[is_image_N], headers.labels_N[is_image_N]
    if (keys[1:] < keys[:-1]).any():
        order = np.argsort(keys)
        keys, labels = keys[order], labels[order]
    changes = np.flatnonzero(labels[1:] != labels[:-1])
    first = np.searchsorted(keys, headers.labels_N[is_range_N])
    last = np.searchsorted(keys, headers.second_labels_N[is_range_N]) - 1
    is_filled = last > first
    changes_before = [np.searchsorted(changes, place[is_filled]) for place in (first, last)]
    return bool((changes_before[0] == changes_before[1]).all())
