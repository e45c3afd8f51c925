"""Images that are in a collection more than once: the same file, or the same picture saved anew.

Shape suffixes: N embeddings, D embedding dimension.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from femb_cli.errors import FembError
from femb_cli.search.groups import group

NEAR = 0.95
"""Cosine from which two images count as one picture.

With foamliu's MobileFaceNet, 27 of LFW's 88 million pairs reach it. So does each of 64 images with its own copy at JPEG
quality 50, or reduced to 64 pixels.
"""


@dataclass(frozen=True)
class Duplicates:
    """Sets of rows, each ascending, the largest set first.

    Attributes:
        near: images that show one picture: a chain of pairs with a cosine of at least `NEAR` leads from one to another.
        exact: images whose files are equal to the last byte; each set lies within one of `near`. None if the files are
            not known.
    """

    near: list[list[int]]
    exact: list[list[int]] | None


def duplicates(rows_ND: NDArray[np.number], read: Callable[[int], bytes] | None = None) -> Duplicates:
    """Find images that are there more than once. Equal files have equal embeddings, so only near ones are compared.

    Args:
        rows_ND: embeddings, none of them zero or not finite.
        read: returns the encoded image of a row; None if there are no images.
    """
    near = [rows.tolist() for rows in group(rows_ND, NEAR, "components") if len(rows) > 1]
    if read is None:
        return Duplicates(near, None)
    exact = [equal for rows in near for equal in _equal_files(rows, read)]
    return Duplicates(near, sorted(exact, key=lambda rows: (-len(rows), rows[0])))


def _equal_files(rows: list[int], read: Callable[[int], bytes]) -> list[list[int]]:
    """Return the sets of rows with equal files; one that cannot be read equals none."""
    rows_of: dict[bytes, list[int]] = defaultdict(list)
    for row in rows:
        try:
            rows_of[read(row)].append(row)
        except FembError:
            continue
    return [equal for equal in rows_of.values() if len(equal) > 1]
