"""The random numbers of a step: they depend on the seed, the step and an image's place in the batch only.

So a resumed run draws the same numbers as an uninterrupted one, on any number of processes, and checkpoints need no
generator state. What depends on the number of processes is the sample of classes: each process samples its own.

Shapes: B images of a process in a micro-batch, G images of all processes in it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from femb_cli.backbones.dropout import seed_draws
from femb_cli.data.images.augmentation import Draws
from femb_cli.training.state import TrainingState

LARGEST = 2**64 - 2**20
"""torch takes seeds below 2**64; the rank is added to this one."""


@dataclass(frozen=True)
class MicroBatch:
    """The part of a step's batch that one process computes at a time.

    The images of the batch are dealt out in turn, to the processes of the first micro-batch, to those of the second and
    so on, so that two micro-batches on one process are the two parts of two processes.

    Attributes:
        index: number of the micro-batch in the step.
        count: micro-batches of a step.
        rank: number of the process.
        world_size: number of processes.
    """

    index: int = 0
    count: int = 1
    rank: int = 0
    world_size: int = 1

    @property
    def part(self) -> int:
        """Number of this part of the batch: it has the images at the places part, part + parts, ... of the batch."""
        return self.index * self.world_size + self.rank

    @property
    def parts(self) -> int:
        """Number of parts of a batch."""
        return self.count * self.world_size

    @property
    def is_last(self) -> bool:
        """Whether it is the last micro-batch of its step."""
        return self.index == self.count - 1

    def places(self, batch_size: int) -> Tensor:
        """Return the places of this process's images in the batch, int64, (B,)."""
        return torch.arange(self.part, batch_size, self.parts)

    def places_of_all(self, batch_size: int) -> Tensor:
        """Return the places of all processes' images in this micro-batch, ascending, int64, (G,)."""
        first = self.index * self.world_size
        return torch.arange(batch_size).view(-1, self.parts)[:, first : first + self.world_size].flatten()


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
    seed_draws(state.backbone, mixed, micro_batch.places(batch_size))
    state.classifier.seed(mixed, micro_batch.places_of_all(batch_size))
    return Draws(mixed, micro_batch.part, micro_batch.parts)
