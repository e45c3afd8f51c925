"""Refuse embeddings that are zero or not finite, because they have no cosine.

Shape suffix: N embeddings.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from femb_cli.errors import FembError


def check_embeddings(lengths_N: NDArray[np.float64], place: Callable[[int], str]) -> None:
    """Refuse embeddings whose norm is zero or not finite.

    Args:
        lengths_N: L2 norms of the embeddings, or their squares.
        place: describes the embedding in a row, for the error.

    Raises:
        FembError: names the first such embedding, and says how many there are.
    """
    sound_N = np.isfinite(lengths_N) & (lengths_N > 0.0)
    if sound_N.all():
        return
    row = int(np.argmin(sound_N))
    kind = "zero" if lengths_N[row] == 0.0 else "not finite"
    raise FembError(
        f"{place(row)} is {kind}; {np.count_nonzero(~sound_N)} of {len(sound_N)} embeddings are zero or not finite",
        hint="make the embeddings of these images again, or leave the images out",
    )
