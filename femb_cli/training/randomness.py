"""The random numbers of a step depend on (seed, step, rank) only; those of the augmentation depend on no rank.

So a resumed run draws the same numbers as an uninterrupted one, and checkpoints need no generator state.
"""

import torch

from femb_cli.classifier import MarginClassifier
from femb_cli.data.images.augmentation import Draws

LARGEST = 2**64 - 2**20
"""torch takes seeds below 2**64; the rank is added to this one."""


def seed_step(seed: int, step: int, rank: int, classifier: MarginClassifier, world_size: int = 1) -> Draws:
    """Seed everything that one step draws on one process: dropout, sampled classes, random margins.

    Returns:
        The random numbers of the augmentation.
    """
    mixed = (seed * 1_000_003 + step) * 65_537 % LARGEST
    # The same on every process: headers draw the same margins. The classifier adds its rank to sample its own shard.
    classifier.seed(mixed)
    torch.manual_seed(mixed + rank)
    return Draws(mixed, rank, world_size)
