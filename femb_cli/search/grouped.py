"""From stored embeddings to groups, the images that are there more than once, and the agreement with known people."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femb_cli.evaluation.embeddings.read import StoredEmbeddings
from femb_cli.progress import Progress
from femb_cli.search.agreement import Agreement, agreement
from femb_cli.search.cosines import check_rows, fast_rows
from femb_cli.search.duplicates import Duplicates, duplicates
from femb_cli.search.groups import Method, group
from femb_cli.search.people import check_people, person_of

COLUMNS = ("name", "group")

_ROWS_AT_ONCE = 1 << 15


@dataclass(frozen=True, eq=False)
class Grouped:
    """The groups of some embeddings.

    Attributes:
        stored: the embeddings.
        groups: the rows of each group, the largest first; a group of one is a single image.
        method: how the groups were joined.
        threshold: the cosine from which two faces count as one person's.
        duplicates: the images that are there more than once.
        agreement: how well the groups agree with the people that the names state; None if that was not asked for.
    """

    stored: StoredEmbeddings
    groups: Sequence[NDArray[np.int64]]
    method: Method
    threshold: float
    duplicates: Duplicates
    agreement: Agreement | None

    @property
    def several(self) -> list[NDArray[np.int64]]:
        """The groups of two images or more."""
        return [rows for rows in self.groups if len(rows) > 1]

    @property
    def num_singles(self) -> int:
        """Number of images that are alone."""
        return len(self.groups) - len(self.several)

    def names_of(self, rows: Sequence[int]) -> list[str]:
        """Return the names of some rows."""
        return [self.stored.names[row] for row in rows]

    def to_json(self) -> dict[str, Any]:
        """Return how the groups were made, the numbers of images, and the names of all images by group."""
        exact = self.duplicates.exact
        return {
            "method": self.method,
            "threshold": self.threshold,
            "num_images": len(self.stored.names),
            "num_groups": len(self.several),
            "num_singles": self.num_singles,
            "groups": [
                {"group": number, "images": self.names_of(rows.tolist())} for number, rows in enumerate(self.groups, 1)
            ],
            "same_picture": [self.names_of(rows) for rows in self.duplicates.near],
            "same_file": None if exact is None else [self.names_of(rows) for rows in exact],
            "agreement": None if self.agreement is None else self.agreement.to_json(),
        }

    def rows(self) -> list[tuple[str, int]]:
        """Return a row of `COLUMNS` for each image, group after group; groups count from 1."""
        return [(name, number) for number, rows in enumerate(self.groups, 1) for name in self.names_of(rows.tolist())]


def group_stored(
    stored: StoredEmbeddings,
    *,
    threshold: float,
    method: Method,
    read: Callable[[str], bytes] | None = None,
    check: bool = False,
    progress: Progress | None = None,
) -> Grouped:
    """Group stored embeddings.

    Args:
        stored: the embeddings.
        threshold: the cosine from which two faces count as one person's.
        method: how groups are joined.
        read: returns the encoded image of a name, to tell equal files; None if there are no images.
        check: compare the groups with the people that the names state.
        progress: called with the number of pairs compared, and the total.

    Raises:
        FembError: an embedding is zero or not finite, the names state no people and `check` is true, or as `group`.
    """
    rows_ND, names = stored.rows_ND, stored.names
    starts = range(0, len(rows_ND), _ROWS_AT_ONCE)
    lengths = [fast_rows(rows_ND[start : start + _ROWS_AT_ONCE]).lengths_N for start in starts]
    check_rows(np.concatenate([*lengths, []]), names.__getitem__, stored.path)
    if check:
        check_people(names, stored.path)
    groups = group(rows_ND, threshold, method, progress)
    return Grouped(
        stored,
        groups,
        method,
        threshold,
        duplicates(rows_ND, None if read is None else lambda row: read(names[row])),
        agreement(groups, [*map(person_of, names)]) if check else None,
    )
