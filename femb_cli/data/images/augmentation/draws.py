"""Random numbers of one step's augmentation.

They depend on the step's seed and on an image's place in the whole batch, but not on the device or on the number of
processes: every process draws for the whole batch from the same CPU generator, and takes the part of its images.
"""

import hashlib
from dataclasses import dataclass, field

import torch
from torch import Generator, Tensor


@dataclass(frozen=True)
class Draws:
    """Random numbers for the images of one process; `count` is always the number of its images.

    Attributes:
        seed: seed of the step, the same on every process.
        rank: number of this process; it has the images at the places rank, rank + world_size, ... of the batch.
        world_size: number of processes.
    """

    seed: int
    rank: int = 0
    world_size: int = 1
    _generator: Generator = field(default_factory=Generator, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Seed the generator."""
        self._generator.manual_seed(self.seed)

    def of(self, key: str) -> "Draws":
        """Return the random numbers of one operation, which depend on its key and not on the other operations."""
        digest = hashlib.blake2b(f"{self.seed} {key}".encode(), digest_size=8).digest()
        return Draws(int.from_bytes(digest), self.rank, self.world_size)

    def uniform(self, count: int, *shape: int) -> Tensor:
        """Draw numbers from [0, 1): float32, (count, *shape)."""
        whole = torch.rand(count * self.world_size, *shape, generator=self._generator)
        return whole[self.rank :: self.world_size]

    def between(self, low: float, high: float, count: int, *shape: int) -> Tensor:
        """Draw numbers between two bounds: float32, (count, *shape)."""
        return low + (high - low) * self.uniform(count, *shape)

    def below(self, most: int, count: int, *shape: int) -> Tensor:
        """Draw whole numbers from 0 to most - 1: int64, (count, *shape)."""
        return (self.uniform(count, *shape) * most).long().clamp(max=most - 1)

    def chosen(self, probability: float, count: int) -> Tensor:
        """Draw which images are changed: bool, (count,)."""
        return self.uniform(count) < probability
