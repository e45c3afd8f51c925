"""Images that a source holds more than once, byte for byte, found by their checksums.

Equal images in one person teach nothing new; equal images in several people are wrong labels.

Shapes: N images, M images that are kept, S sets of equal images.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from femb_cli.data.identities import Identities
from femb_cli.data.source import ImageSource, names_of

MOST_KEPT = 1 << 23
"""Checksums in memory, 16 bytes each with their rows. Two different images among so many have the same checksum of 64
bits with a probability of 2e-6."""

COLUMNS = ("set", "kind", "name", "person")

ONE_PERSON, SEVERAL_PEOPLE, NO_PERSON = "one person", "several people", "no person"


class Checksums:
    """Collects the checksums of images, in bounded memory.

    Of a source with more than `MOST_KEPT` images only a share is kept: the images whose checksum is a multiple of
    `one_in`. So equal images are kept or left out together, and a set that is kept is complete.

    Args:
        num_images: Images of the source.
    """

    def __init__(self, num_images: int) -> None:
        self.one_in = -(-num_images // MOST_KEPT) if num_images else 1
        self._checksums, self._rows = array("Q"), array("q")

    def add(self, row: int, checksum: int) -> None:
        """Add the checksum (64 bits) of an image."""
        if checksum % self.one_in == 0:
            self._checksums.append(checksum)
            self._rows.append(row)

    def doubles(self) -> "Doubles":
        """Return the images of which there are several."""
        checksums_M = np.frombuffer(self._checksums, dtype=np.uint64)
        rows_M = np.frombuffer(self._rows, dtype=np.int64)
        order_M = np.lexsort((rows_M, checksums_M))
        checksums_M, rows_M = checksums_M[order_M], rows_M[order_M]
        bounds = np.flatnonzero(np.concatenate([[True], checksums_M[1:] != checksums_M[:-1], [True]]))
        several = np.flatnonzero(np.diff(bounds) > 1).tolist() if len(rows_M) else []
        sets = [rows_M[bounds[place] : bounds[place + 1]].tolist() for place in several]
        return Doubles(sorted(sets), self.one_in)


@dataclass(frozen=True)
class Doubles:
    """The sets of equal images of a source.

    Attributes:
        sets: Rows of the images of each set, ascending, at least two; ordered by their first rows.
        one_in: One of so many images was looked at, chosen by its bytes; 1 for all of them.
    """

    sets: list[list[int]]
    one_in: int = 1

    def of_kind(self, kind: str, identities: Identities | None) -> list[list[int]]:
        """Return the sets of one kind; see `kind_of`."""
        return [rows for rows in self.sets if kind_of(rows, identities) == kind]


def kind_of(rows: list[int], identities: Identities | None) -> str:
    """Return whether equal images show one person or, by their labels, several; or no person is known of some."""
    if identities is None:
        return NO_PERSON
    labels = set(identities.labels_N[rows].tolist())
    if len(labels - {-1}) > 1:
        return SEVERAL_PEOPLE
    return NO_PERSON if -1 in labels else ONE_PERSON


def doubles_table(doubles: Doubles, source: ImageSource) -> Iterator[tuple[int, str, str, str]]:
    """Yield a row of `COLUMNS` for each image of each set: number of the set, its kind, image and person."""
    people = source.identities
    for number, rows in enumerate(doubles.sets, 1):
        kind = kind_of(rows, people)
        for row, name in zip(rows, names_of(source, np.array(rows)), strict=True):
            label = -1 if people is None else int(people.labels_N[row])
            yield number, kind, name, people.names[label] if people is not None and label >= 0 else ""
