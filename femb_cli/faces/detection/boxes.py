"""Keep one box for each face.

A box is left, top, right and bottom edge, in pixels.

Shapes: N boxes.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray


def suppress(
    boxes_N4: NDArray[np.float64],
    scores_N: NDArray[np.float64],
    threshold: float,
    relative_to: Literal["union", "smaller"] = "union",
) -> NDArray[np.intp]:
    """Return the indices of the boxes to keep, the highest score first: non-maximum suppression.

    A box goes if its overlap with a kept box of a higher score is larger than the threshold.

    Args:
        boxes_N4: the boxes.
        scores_N: how sure a detector is of each.
        threshold: the overlap's area divided by that of the union, or of the smaller box.
        relative_to: what the overlap is divided by.
    """
    order_N = np.argsort(-scores_N, kind="stable")
    left, top, right, bottom = boxes_N4[order_N].T
    widths_NN = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    heights_NN = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)
    overlaps_NN = np.maximum(widths_NN, 0) * np.maximum(heights_NN, 0)
    areas_N = (right - left) * (bottom - top)
    if relative_to == "union":
        whole_NN = areas_N[:, None] + areas_N - overlaps_NN
    else:
        whole_NN = np.minimum(areas_N[:, None], areas_N)
    stays_NN = overlaps_NN <= threshold * whole_NN
    alive_N = np.ones(len(order_N), dtype=bool)
    kept = []
    for index in range(len(order_N)):
        if alive_N[index]:
            kept.append(index)
            alive_N &= stays_NN[index]
    return order_N[kept]
