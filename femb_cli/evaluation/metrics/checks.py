"""Embeddings have to have a direction: a cosine with a zero vector, or one that is not finite, is no number.

Shape suffix: N embeddings.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from femb_cli.errors import FembError


def check_embeddings(lengths_N: NDArray[np.float64], place: Callable[[int], str]) -> None:
    """Refuse embeddings whose length is zero or not finite.

    Args:
        lengths_N: lengths of the embeddings, or their squares.
        place: says which embedding a row is, for the error.

    Raises:
        FembError: naming the first that has no direction, and how many have none.
    """
    sound_N = np.isfinite(lengths_N) & (lengths_N > 0.0)
    if sound_N.all():
        return
    row = int(np.argmin(sound_N))
    kind = "zero" if lengths_N[row] == 0.0 else "not finite"
    raise FembError(
        f"{place(row)} is {kind}; {np.count_nonzero(~sound_N)} of {len(sound_N)} embeddings have no direction",
        hint="make the embeddings of these images again, or leave the images out",
    )
