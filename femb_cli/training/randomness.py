"""The random numbers of a step: they depend on the seed, the step and an image's place in the batch only.

So a resumed run draws the same numbers as an uninterrupted one, on any number of processes, and checkpoints need no
generator state. What depends on the number of processes is the sample of classes: each process samples its own.
"""

import torch

from femb_cli.backbones.dropout import seed_draws
from femb_cli.data.images.augmentation import Draws
from femb_cli.data.loading.micro_batch import MicroBatch
from femb_cli.training.state import TrainingState

LARGEST = 2**64 - 2**20
"""torch takes seeds below 2**64; the rank is added to this one."""


def seed_micro_batch(state: TrainingState, seed: int, batch_size: int, micro_batch: MicroBatch) -> Draws:
    """Seed everything that a micro-batch of the next step draws: dropout, random margins, sampled classes.

    Args:
        state: its network and classifier are seeded.
        seed: of the run.
        batch_size: images of a step, over all processes.
        micro_batch: the part of the batch.

    Returns:
        The random numbers of the augmentation.
    """
    mixed = (seed * 1_000_003 + state.step) * 65_537 % LARGEST
    seed_draws(state.backbone, mixed, torch.from_numpy(micro_batch.places(batch_size)))
    state.classifier.seed(mixed, torch.from_numpy(micro_batch.places_of_all(batch_size)))
    return Draws(mixed, micro_batch.part, micro_batch.parts)
