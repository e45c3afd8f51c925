"""Batches for training: a seeded permutation of the dataset, shared out over the ranks and decoded by threads.

Which images step t sees depends on the data, the seed, the global batch size and t alone: not on the number of
processes, and not on where a run was interrupted.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from femb_cli.data.images.decode import ALIGNED_SIZE, decode_into
from femb_cli.data.loading.epoch_order import epoch_order
from femb_cli.data.source import HasRowGroups, ImageName, ImageSource, RowGroups, check_identities

READ_AHEAD = 4
"""Batches that are decoded while an earlier one is trained on."""


class TrainingImages:
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

    @property
    def groups(self) -> RowGroups | None:
        """Which images can only be read together."""
        return self.source.groups if isinstance(self.source, HasRowGroups) else None

    def __len__(self) -> int:
        return len(self.source)

    def decode(self, rows_B: np.ndarray, pixels_BHW3: np.ndarray) -> None:
        """Decode some images to uint8 RGB, into `pixels_BHW3`.

        Raises:
            FembError: naming the first image that cannot be decoded.
        """
        for row, pixels_HW3 in zip(rows_B.tolist(), pixels_BHW3, strict=True):
            decode_into(self.source.read(row), pixels_HW3, ImageName(self.source, row))


class ShuffledBatches:
    """This rank's part of every global batch, from step `start` to step `stop`.

    The epochs, each a new permutation, follow each other without a break: a batch that an epoch does not fill goes on
    with the next one, so that every epoch has every image once, and every batch its full size.

    Args:
        num_images: images in the dataset.
        batch_size: images in a global batch, a multiple of `world_size`.
        start: first step, counted from the beginning of the run.
        stop: the step before which to end.
        seed: of the permutations.
        rank: this process.
        world_size: number of processes.
        groups: which rows can only be read together; see `epoch_order`.
    """

    def __init__(
        self,
        num_images: int,
        batch_size: int,
        *,
        start: int,
        stop: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        groups: RowGroups | None = None,
    ) -> None:
        self.num_images, self.batch_size = num_images, batch_size
        self.start, self.stop, self.seed = start, stop, seed
        self.rank, self.world_size = rank, world_size
        self.groups = groups

    def __len__(self) -> int:
        return self.stop - self.start

    def __iter__(self) -> Iterator[np.ndarray]:
        orders: dict[int, np.ndarray] = {}
        for step in range(self.start, self.stop):
            first = step * self.batch_size
            places_B = np.arange(first + self.rank, first + self.batch_size, self.world_size)
            epochs_B = places_B // self.num_images
            needed = range(int(epochs_B[0]), int(epochs_B[-1]) + 1)
            orders = {epoch: orders[epoch] if epoch in orders else self._order(epoch) for epoch in needed}
            yield np.concatenate([orders[e][places_B[epochs_B == e] % self.num_images] for e in needed])

    def _order(self, epoch: int) -> np.ndarray:
        return epoch_order(self.num_images, (self.seed, epoch), self.groups)


def training_batches(
    images: TrainingImages, batches: Iterable[np.ndarray], *, threads: int, pin: bool = False
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield uint8 batches (b, size, size, 3) and labels (b,), int64, decoded ahead by threads.

    Args:
        images: what to read.
        batches: rows of each batch.
        threads: that decode; 0 decodes in the calling thread, when a batch is asked for.
        pin: whether to put batches where a GPU can fetch them while it computes.
    """
    with ThreadPoolExecutor(max(threads, 1)) as pool:
        waiting: deque[_Batch] = deque()
        try:
            for rows_B in batches:
                waiting.append(_Batch(images, rows_B, pin))
                waiting[-1].start(pool, threads)
                if len(waiting) > (READ_AHEAD if threads else 0):
                    yield waiting.popleft().finish()
            while waiting:
                yield waiting.popleft().finish()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


class _Batch:
    """A batch that is being decoded, a part of it in each thread."""

    def __init__(self, images: TrainingImages, rows_B: np.ndarray, pin: bool) -> None:
        self.images, self.rows_B = images, rows_B
        shape = (len(rows_B), images.size, images.size, 3)
        self.pixels_BHW3 = torch.empty(shape, dtype=torch.uint8, pin_memory=pin)
        self.labels_B = torch.from_numpy(images.labels_N[rows_B].astype(np.int64))
        self.parts: list[Future[None]] = []

    def start(self, pool: ThreadPoolExecutor, threads: int) -> None:
        parts = zip(
            np.array_split(self.rows_B, max(threads, 1)),
            np.array_split(self.pixels_BHW3.numpy(), max(threads, 1)),
            strict=True,
        )
        if threads:
            self.parts = [pool.submit(self.images.decode, *part) for part in parts]

    def finish(self) -> tuple[Tensor, Tensor]:
        if not self.parts:
            self.images.decode(self.rows_B, self.pixels_BHW3.numpy())
        for part in self.parts:
            part.result()
        return self.pixels_BHW3, self.labels_B
