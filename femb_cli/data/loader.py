"""Batches for training: a seeded permutation of the data set, shared out over the ranks.

Which images step t sees depends on the seed, the global batch size and t alone: not on the number of processes,
and not on where a run was interrupted.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from femb_cli.data.dataset import check_identities
from femb_cli.data.preprocess import ALIGNED_SIZE, decode_image
from femb_cli.data.source import ImageSource


class TrainingImages(Dataset[tuple[Tensor, int]]):
    """The images of a source with identities, decoded on access.

    Args:
        source: where the images are.
        size: height and width to decode to, pixels.
    """

    def __init__(self, source: ImageSource, size: int = ALIGNED_SIZE) -> None:
        check_identities(source)
        assert source.identities is not None, "check_identities refuses a source without"
        self.source = source
        self.size = size
        self.labels_N = source.identities.labels_N
        self.num_identities = len(source.identities.names)

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """The image, uint8 RGB (size, size, 3), and its identity's number."""
        pixels_HW3 = decode_image(self.source.read(index), self.size, name=str(self.source.names[index]))
        return torch.from_numpy(pixels_HW3.copy()), int(self.labels_N[index])


class ShuffledBatches(Sampler[list[int]]):
    """This rank's part of every global batch, from step `start` to step `stop`.

    Each epoch is a new permutation, of which the incomplete last batch is dropped.

    Args:
        num_images: images in the data set.
        batch_size: images in a global batch, a multiple of `world_size`.
        start: first step, counted from the beginning of the run.
        stop: the step before which to end.
        seed: of the permutations.
        rank: this process.
        world_size: number of processes.
    """

    def __init__(
        self, num_images: int, batch_size: int, *, start: int, stop: int, seed: int, rank: int = 0, world_size: int = 1
    ) -> None:
        self.num_images, self.batch_size = num_images, batch_size
        self.start, self.stop, self.seed = start, stop, seed
        self.rank, self.world_size = rank, world_size

    def __len__(self) -> int:
        return self.stop - self.start

    def __iter__(self) -> Iterator[list[int]]:
        steps_per_epoch = self.num_images // self.batch_size
        epoch, order_N = -1, np.empty(0, dtype=np.int64)
        for step in range(self.start, self.stop):
            if step // steps_per_epoch != epoch:
                epoch = step // steps_per_epoch
                order_N = np.random.default_rng((self.seed, epoch)).permutation(self.num_images)
            first = step % steps_per_epoch * self.batch_size
            yield order_N[first + self.rank : first + self.batch_size : self.world_size].tolist()


def training_loader(images: TrainingImages, batches: ShuffledBatches, *, workers: int, pin: bool) -> DataLoader:
    """Load uint8 batches (b, size, size, 3) and labels (b,) in worker processes."""
    return DataLoader(
        images,
        batch_sampler=batches,
        num_workers=workers,
        pin_memory=pin,
        persistent_workers=False,
        prefetch_factor=4 if workers else None,
    )
