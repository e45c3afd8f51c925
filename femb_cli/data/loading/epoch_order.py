"""The order in which an epoch visits the images.

Shapes: N images, G groups of neighbouring rows.
"""

import numpy as np

from femb_cli.data.source import RowGroups

MOST_LANES = 32
"""Largest number of lanes; a common multiple of the usual numbers of processes."""


def epoch_order(num_images: int, seed: tuple[int, ...], groups: RowGroups | None = None) -> np.ndarray:
    """Return a permutation of the rows that depends on `seed`, int32 or int64, (N,).

    A plain permutation of grouped rows, as in Parquet, would read a whole group for every image. So groups are
    permuted and dealt out to lanes, each lane is shuffled within windows of a few groups, and the order takes one row
    from each lane in turn. That keeps few groups in memory. If the number of processes divides the number of lanes, no
    two processes read the same group.

    Args:
        num_images: N.
        seed: of the permutation.
        groups: row groups, each of which is read as a whole; None for a plain permutation.
    """
    random = np.random.default_rng(seed)
    dtype = np.int32 if num_images < 2**31 else np.int64
    if groups is None:
        return random.permutation(np.arange(num_images, dtype=dtype))
    num_lanes = max(1, min(MOST_LANES, groups.at_once))
    window = max(1, groups.at_once // num_lanes)
    dealt = random.permutation(len(groups.starts) - 1)
    lanes = [_lane(dealt[lane::num_lanes], groups.starts, window, random, dtype) for lane in range(num_lanes)]
    return _interleave([lane for lane in lanes if len(lane)])


def _lane(groups: np.ndarray, starts: np.ndarray, window: int, random: np.random.Generator, dtype: type) -> np.ndarray:
    """Return the rows of some groups, shuffled within windows of `window` groups."""
    windows = []
    for first in range(0, len(groups), window):
        together = groups[first : first + window]
        rows = [np.arange(starts[group], starts[group + 1], dtype=dtype) for group in together]
        windows.append(random.permutation(np.concatenate(rows)))
    return np.concatenate(windows) if windows else np.empty(0, dtype=dtype)


def _interleave(lanes: list[np.ndarray]) -> np.ndarray:
    """Return the first row of each lane, then the second of each, and so on; shorter lanes end earlier."""
    turn = np.concatenate([np.arange(len(lane)) for lane in lanes])
    lane_number = np.repeat(np.arange(len(lanes)), [len(lane) for lane in lanes])
    return np.concatenate(lanes)[np.lexsort((lane_number, turn))]
