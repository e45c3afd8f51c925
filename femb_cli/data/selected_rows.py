"""Some images of a source, as a source of its own.

Shapes: N images of the source, M selected ones, C identities of the source.
"""

from collections.abc import Collection, Sequence

import numpy as np

from femb_cli.data.identities import Identities
from femb_cli.data.source import ComputedNames, HasRowGroups, ImageSource, RowGroups, names_of


class SelectedRows:
    """The images in some rows of a source; each is read where it is.

    It has row groups if its source has: those of the source, without the other rows.

    Args:
        source: The source.
        rows_M: The rows, ascending and different, int32 or int64, (M,).
        identities: The identities of the selected images; None if they do not matter.
        names: The names of the selected images, if they are known already; None looks them up when they are needed.
    """

    def __init__(
        self,
        source: ImageSource,
        rows_M: np.ndarray,
        identities: Identities | None = None,
        names: Sequence[str] | None = None,
    ) -> None:
        self.kind, self.path = source.kind, source.path
        self.source, self.rows_M, self.identities = source, rows_M, identities
        self._names = names
        if isinstance(source, HasRowGroups):
            self.groups = _groups_of_selected(source.groups, rows_M)

    @property
    def names(self) -> Sequence[str]:
        """The names that the images have in the source."""
        if self._names is not None:
            return self._names
        return ComputedNames(
            len(self),
            lambda row: self.source.names[int(self.rows_M[row])],
            lambda rows_N: names_of(self.source, self.rows_M[rows_N]),
        )

    def __len__(self) -> int:
        return len(self.rows_M)

    def read(self, index: int) -> bytes:
        """Return one encoded image."""
        return self.source.read(int(self.rows_M[index]))


class WithoutIdentities(SelectedRows):
    """The images of all identities but some; the labels of the others are renumbered, in their order.

    A pickle holds the source and the numbers of the identities, not the rows.

    Args:
        source: A source with identities.
        excluded: The numbers of the identities to leave out.
    """

    def __init__(self, source: ImageSource, excluded: Collection[int]) -> None:
        assert source.identities is not None, "the source has identities"
        self.excluded = sorted(excluded)
        names, labels_N = source.identities.names, source.identities.labels_N
        stays_C = np.ones(len(names), dtype=bool)
        stays_C[self.excluded] = False
        # The last entry is for images without an identity, whose label is -1.
        renumbered_C1 = np.append(np.cumsum(stays_C) - 1, -1).astype(labels_N.dtype)
        rows_M = np.flatnonzero(np.append(stays_C, True)[labels_N])
        if len(labels_N) < 2**31:
            rows_M = rows_M.astype(np.int32)
        kept = Identities([names[label] for label in np.flatnonzero(stays_C).tolist()], renumbered_C1[labels_N[rows_M]])
        super().__init__(source, rows_M, kept)

    def __reduce__(self) -> "tuple[type[WithoutIdentities], tuple[ImageSource, list[int]]]":
        return WithoutIdentities, (self.source, self.excluded)


def _groups_of_selected(groups: RowGroups, rows_M: np.ndarray) -> RowGroups:
    """Return the row groups of the selected rows; a group of which no row is selected is left out."""
    return RowGroups(np.unique(np.searchsorted(rows_M, groups.starts)), groups.at_once)
