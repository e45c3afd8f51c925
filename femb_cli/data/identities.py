"""Who is on the images of a source: read from columns of labels, or from the directories that the images lie in."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Identities:
    """Who is on the images of a source.

    Attributes:
        names: One name for each identity.
        labels_N: int32 or int64, into `names`, one for each image; -1 where the source does not say who it is.
    """

    names: list[str]
    labels_N: np.ndarray


def identities_from_values(values_N: "pa.Array | pa.ChunkedArray") -> Identities:
    """Number the distinct values, numbers in their order and text in that of its code points; null is nobody known."""
    import pyarrow as pa
    import pyarrow.compute as pc

    distinct = sorted(pc.unique(values_N).drop_null().to_pylist())
    labels_N = pc.index_in(values_N, value_set=pa.array(distinct, values_N.type), skip_nulls=True)
    return Identities([str(value) for value in distinct], labels_N.fill_null(-1).to_numpy().astype(np.int64))


def first_without_identity(names: Sequence[str]) -> str | None:
    """Return the first image that does not lie in exactly one folder below the common top, if there is one."""
    depth = _identity_depth(names)
    return next((name for name in names if name.count("/") != depth + 1), None)


def identities_from_names(names: Sequence[str]) -> Identities | None:
    """Read identities from a layout of one folder each, below any folders that all images share.

    The identities are sorted by code point. A layout with loose or deeper images has none, since it is anyone's
    guess which of its folders is a person.
    """
    if first_without_identity(names) is not None:
        return None
    depth = _identity_depth(names)
    folders = [name.split("/")[depth] for name in names]
    identities = sorted(set(folders))
    label_of = {identity: label for label, identity in enumerate(identities)}
    return Identities(identities, np.array([label_of[folder] for folder in folders], dtype=np.int64))


def _identity_depth(names: Sequence[str]) -> int:
    """Return how many folders lie above the identities: those that all images share, but never their only one."""
    folders = {tuple(name.split("/")[:-1]) for name in names}
    shared = takewhile(lambda pair: pair[0] == pair[1], zip(min(folders), max(folders), strict=False))
    return max(0, len(list(shared)) - (len(folders) == 1))
