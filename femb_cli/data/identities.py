"""The identity of each image: a label per image, and a name per label.

Shapes: N images, C identities.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Identities:
    """The identities of a source of images.

    Attributes:
        names: Name of each identity, (C,).
        labels_N: Index into `names` for each image, int32 or int64; -1 if its identity is unknown.
    """

    names: list[str]
    labels_N: np.ndarray


@dataclass(frozen=True)
class FoundPeople:
    """What a source says about who is on its images.

    Attributes:
        identities: None if it does not say.
        guess: What femb took for people, where that could be something else, and the option that changes it; else
            empty.
        problem: Why there are no identities; empty if there is no more to say.
        hint: What settles the problem; empty if there is only the general advice.
    """

    identities: Identities | None
    guess: str = ""
    problem: str = ""
    hint: str = ""


def identities_from_values(values_N: "pa.Array | pa.ChunkedArray") -> Identities:
    """Make one identity of each distinct value; null means that the identity is unknown.

    Numbers are sorted as numbers, text by code point.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    distinct = sorted(pc.unique(values_N).drop_null().to_pylist())
    labels_N = pc.index_in(values_N, value_set=pa.array(distinct, values_N.type), skip_nulls=True)
    return Identities([str(value) for value in distinct], labels_N.fill_null(-1).to_numpy().astype(np.int64))
