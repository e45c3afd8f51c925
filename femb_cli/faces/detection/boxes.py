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
    areas_N = (right - left) * (bottom - top)
    kept = []
    alive_N = np.ones(len(order_N), dtype=bool)
    for index in range(len(order_N)):
        if not alive_N[index]:
            continue
        kept.append(index)
        widths_N = np.minimum(right[index], right) - np.maximum(left[index], left)
        heights_N = np.minimum(bottom[index], bottom) - np.maximum(top[index], top)
        overlaps_N = np.maximum(widths_N, 0) * np.maximum(heights_N, 0)
        if relative_to == "union":
            whole_N = areas_N[index] + areas_N - overlaps_N
        else:
            whole_N = np.minimum(areas_N[index], areas_N)
        alive_N &= overlaps_N <= threshold * whole_N
    return order_N[kept]
