"""How the images of a step's batch are dealt out to processes and micro-batches.

Shapes: B images of a process in a micro-batch, G images of all processes in it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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

    @staticmethod
    def of_step(count: int, rank: int, world_size: int) -> "list[MicroBatch]":
        """Return the micro-batches that a process computes in a step, in their order."""
        return [MicroBatch(index, count, rank, world_size) for index in range(count)]

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

    def places(self, batch_size: int) -> NDArray[np.int64]:
        """Return the places of this process's images in the batch, (B,)."""
        return np.arange(self.part, batch_size, self.parts)

    def places_of_all(self, batch_size: int) -> NDArray[np.int64]:
        """Return the places of all processes' images in this micro-batch, ascending, (G,)."""
        first = self.index * self.world_size
        return np.arange(batch_size).reshape(-1, self.parts)[:, first : first + self.world_size].flatten()
