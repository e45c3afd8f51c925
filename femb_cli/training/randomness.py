"""The random numbers of a training step, which depend on (seed, step, rank) only.

So a resumed run draws the same numbers as an uninterrupted one, and checkpoints need no generator state.
"""

import torch

from femb_cli.classifier import MarginClassifier

LARGEST = 2**64 - 2**20
"""torch takes seeds below 2**64; the rank is added to this one."""


def seed_step(seed: int, step: int, rank: int, classifier: MarginClassifier) -> torch.Generator:
    """Seed everything that one step draws on one process: dropout, sampled classes, random margins.

    Returns:
        A CPU generator for the augmentation.
    """
    mixed = (seed * 1_000_003 + step) * 65_537 % LARGEST
    # The same on every process: headers draw the same margins. The classifier adds its rank to sample its own shard.
    classifier.seed(mixed)
    mixed += rank
    torch.manual_seed(mixed)
    return torch.Generator().manual_seed(mixed)
