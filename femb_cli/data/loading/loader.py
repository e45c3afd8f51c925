"""Batches for training: a seeded permutation of the dataset, split over the ranks and decoded ahead by threads.

The images of step t depend on the data, the seed, the global batch size and t only. So a resumed run sees the images
that an uninterrupted one would have seen, on any number of processes.

Shapes: B images of this rank's part of the batch, H x W pixels.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from femb_cli.data.images.decode import ALIGNED_SIZE, decode_into
from femb_cli.data.loading.epoch_order import epoch_order
from femb_cli.data.loading.micro_batch import MicroBatch
from femb_cli.data.source import HasRowGroups, ImageName, ImageSource, RowGroups, check_identities
from femb_cli.errors import FembError

READ_AHEAD = 4
"""Batches decoded in advance, while an earlier one is trained on."""
_DAMAGED_HINT = (
    "put an intact image in its place and resume the run; femb convert --on-error skip makes a training set without"
    " damaged images"
)


@dataclass(frozen=True)
class TrainingBatch:
    """This rank's part of the batch of one step.

    Attributes:
        images_BHW3: uint8 RGB, (B, H, W, 3).
        labels_B: the identity of each image, int64, (B,).
        rows_B: the row of each image in the dataset, (B,), so that an error can name images.
    """

    images_BHW3: Tensor
    labels_B: Tensor
    rows_B: np.ndarray

    def to(self, device: torch.device) -> "TrainingBatch":
        """Return the batch with images and labels on `device`; the copy of pinned memory does not wait."""
        return replace(
            self,
            images_BHW3=self.images_BHW3.to(device, non_blocking=True),
            labels_B=self.labels_B.to(device, non_blocking=True),
        )


class TrainingImages:
    """The images of a source with identities, decoded when they are needed.

    Args:
        source: where the images are.
        size: height and width to decode to, pixels.

    Raises:
        FembError: an image has no identity, or an identity no image.
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
        """The row groups, each of which is read as a whole; None if the source has none."""
        return self.source.groups if isinstance(self.source, HasRowGroups) else None

    def __len__(self) -> int:
        return len(self.source)

    def decode(self, rows_B: np.ndarray, pixels_BHW3: np.ndarray) -> None:
        """Decode the images of some rows into `pixels_BHW3`, uint8 RGB.

        Raises:
            FembError: an image cannot be decoded; the message names it.
        """
        for row, pixels_HW3 in zip(rows_B.tolist(), pixels_BHW3, strict=True):
            encoded = self.source.read(row)
            try:
                decode_into(encoded, pixels_HW3, ImageName(self.source, row))
            except FembError as error:
                error.hint = error.hint or _DAMAGED_HINT
                raise


class ShuffledBatches:
    """The rows of this rank's part of every global batch, from step `start` up to step `stop`.

    Every epoch is a new permutation of all rows. Epochs follow each other without a break: a batch that starts at the
    end of one epoch is filled up from the next, so all batches have the same size and every epoch has each image once.

    Args:
        num_images: images in the dataset.
        batch_size: images in a global batch, a multiple of `world_size` times `micro_batches`.
        start: first step, counted from the beginning of the run.
        stop: the step after the last one.
        seed: of the permutations.
        rank: number of this process.
        world_size: number of processes.
        micro_batches: parts of a step's batch, each of which is yielded on its own.
        groups: row groups, each of which is read as a whole; see `epoch_order`.
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
        micro_batches: int = 1,
        groups: RowGroups | None = None,
    ) -> None:
        self.num_images, self.batch_size = num_images, batch_size
        self.start, self.stop, self.seed = start, stop, seed
        self.micro_batches = MicroBatch.of_step(micro_batches, rank, world_size)
        self.groups = groups

    def __len__(self) -> int:
        return (self.stop - self.start) * len(self.micro_batches)

    def __iter__(self) -> Iterator[np.ndarray]:
        orders: dict[int, np.ndarray] = {}
        # itertools.product would hold the numbers of all steps in memory.
        for step, micro_batch in ((step, part) for step in range(self.start, self.stop) for part in self.micro_batches):
            places_B = step * self.batch_size + micro_batch.places(self.batch_size)
            epochs_B = places_B // self.num_images
            needed = range(int(epochs_B[0]), int(epochs_B[-1]) + 1)
            orders = {epoch: orders[epoch] if epoch in orders else self._order(epoch) for epoch in needed}
            yield np.concatenate([orders[e][places_B[epochs_B == e] % self.num_images] for e in needed])

    def _order(self, epoch: int) -> np.ndarray:
        return epoch_order(self.num_images, (self.seed, epoch), self.groups)


def training_batches(
    images: TrainingImages, batches: Iterable[np.ndarray], *, threads: int, pin: bool = False
) -> Iterator[TrainingBatch]:
    """Yield decoded batches, while threads decode the next ones.

    Args:
        images: the dataset.
        batches: rows of each batch.
        threads: number of decoding threads; 0 decodes in the calling thread, when it needs the batch.
        pin: whether to use pinned memory, which a GPU can copy from while it computes.

    Raises:
        FembError: an image cannot be decoded; the message names it.
    """
    with ThreadPoolExecutor(max(threads, 1)) as pool:
        waiting: deque[_PendingBatch] = deque()
        try:
            for rows_B in batches:
                waiting.append(_PendingBatch(images, rows_B, pin))
                waiting[-1].start(pool, threads)
                if len(waiting) > (READ_AHEAD if threads else 0):
                    yield waiting.popleft().finish()
            while waiting:
                yield waiting.popleft().finish()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


class _PendingBatch:
    """A batch that is being decoded, an equal part of it in each thread."""

    def __init__(self, images: TrainingImages, rows_B: np.ndarray, pin: bool) -> None:
        self.images, self.rows_B = images, rows_B
        shape = (len(rows_B), images.size, images.size, 3)
        self.pixels_BHW3 = torch.empty(shape, dtype=torch.uint8, pin_memory=pin)
        self.parts: list[Future[None]] = []

    def start(self, pool: ThreadPoolExecutor, threads: int) -> None:
        if not threads:
            return
        rows, pixels = np.array_split(self.rows_B, threads), np.array_split(self.pixels_BHW3.numpy(), threads)
        self.parts = [pool.submit(self.images.decode, *part) for part in zip(rows, pixels, strict=True)]

    def finish(self) -> TrainingBatch:
        """Wait for the threads, or decode here if there are none."""
        if not self.parts:
            self.images.decode(self.rows_B, self.pixels_BHW3.numpy())
        for part in self.parts:
            part.result()
        labels_B = torch.from_numpy(self.images.labels_N[self.rows_B].astype(np.int64))
        return TrainingBatch(self.pixels_BHW3, labels_B, self.rows_B)
