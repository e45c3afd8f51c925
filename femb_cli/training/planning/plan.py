"""Plan a run: its steps, its epochs and its softmax, from the configuration and the size of its data (no torch)."""

import math
from dataclasses import dataclass
from pathlib import Path

from femb_cli.config.schema import DatasetConfig, SyntheticConfig, TrainConfig
from femb_cli.data.dataset_info import has_dataset_info, read_dataset_info
from femb_cli.data.open import open_source
from femb_cli.data.read_as import ReadAs
from femb_cli.data.source import ImageSource, lacks_identities
from femb_cli.errors import FembError, UsageError
from femb_cli.text import counted
from femb_cli.training.planning.softmax_plan import SoftmaxPlan, plan_softmax


@dataclass(frozen=True)
class Plan:
    """The size of a run.

    Attributes:
        num_images: images in the training set.
        num_identities: identities in the training set.
        batch_size: images in one step, over all processes together.
        processes: number of processes.
        steps_per_epoch: batches in the training set; can be a fraction: the next epoch fills up the last batch.
        steps: steps of the run.
        softmax: how the classifier computes its softmax.
    """

    num_images: int
    num_identities: int
    batch_size: int
    processes: int
    steps_per_epoch: float
    steps: int
    softmax: SoftmaxPlan

    @property
    def epochs(self) -> float:
        """Passes over the data."""
        return self.steps / self.steps_per_epoch


def make_plan(config: TrainConfig, processes: int = 1, source: ImageSource | None = None) -> Plan:
    """Plan a run, and check its data and batch size before anything expensive starts.

    Args:
        config: the run's configuration.
        processes: number of processes.
        source: the training set, if it is open already; else its size is read from its metadata where it has any.

    Raises:
        UsageError: the processes cannot share the batch evenly, or batch norm gets a single image.
        FembError: the dataset is missing, has less than two identities or is smaller than one batch.
    """
    num_images, num_identities = count_data(config.data) if source is None else count_source(source)
    if num_identities < 2:
        raise FembError(
            f"the training set has {counted(num_identities, 'identity', 'identities')}: training needs at least two"
            " people to tell apart",
            hint="training needs one folder per person, or labels",
        )
    batch_size = config.batch_size
    parts = processes * config.micro_batches
    places = (
        counted(processes, "process") if config.micro_batches == 1 else f"{parts} parts (processes x micro-batches)"
    )
    if batch_size % parts:
        raise UsageError(
            f"a batch of {counted(batch_size, 'image')} cannot be split evenly over {places}",
            hint=_batch_that_fits(batch_size, parts, num_images),
        )
    normalised_together = batch_size // (config.micro_batches if config.sync_batch_norm else parts)
    if normalised_together < 2:
        raise UsageError(
            f"a batch of {batch_size} over {places} is one image each: batch norm needs at least two",
            hint=_batch_that_fits(2 * parts, parts, num_images),
        )
    if batch_size > num_images:
        raise FembError(
            f"a batch of {batch_size} images is larger than the dataset of {num_images}",
            hint=_batch_that_fits(num_images // 2, parts, num_images),
        )
    steps_per_epoch = num_images / batch_size
    steps = config.steps if config.steps is not None else max(1, round((config.epochs or 0) * steps_per_epoch))
    softmax = plan_softmax(config, num_identities=num_identities, processes=processes)
    return Plan(num_images, num_identities, batch_size, processes, steps_per_epoch, steps, softmax)


def _batch_that_fits(wanted: int, parts: int, num_images: int) -> str:
    """Return the option with a batch size near a wanted one that gives each part the same two or more images."""
    if 2 * parts > num_images:
        return f"{counted(num_images, 'image')} cannot be split into {parts} parts of two or more: use fewer parts"
    rounded_up = max(2, math.ceil(wanted / parts)) * parts
    return f"--batch-size {rounded_up if rounded_up <= num_images else num_images // parts * parts}"


def count_data(data: SyntheticConfig | DatasetConfig) -> tuple[int, int]:
    """Count the images and identities of a training set, from its metadata where it has any.

    Raises:
        FembError: the dataset is missing or has no identities.
    """
    if isinstance(data, SyntheticConfig):
        return data.num_identities * data.images_per_identity, data.num_identities
    if has_dataset_info(Path(data.path)) and data.label is None:
        info = read_dataset_info(data.path)
        if info.num_images is not None and info.num_identities is not None:
            return info.num_images, info.num_identities
    return count_source(open_training_set(data))


def open_training_set(data: DatasetConfig) -> ImageSource:
    """Open the dataset of a configuration, with the columns and folders that it names.

    Raises:
        FembError: it is not there, cannot be read, or has no such column or folder.
    """
    person_folder = None if data.person_folder is None else str(data.person_folder)
    read_as = ReadAs(data.label, data.image_column, person_folder)
    return open_source(data.path, read_as=read_as, channels=data.channels)


def count_source(source: ImageSource) -> tuple[int, int]:
    """Count the images and identities of an open training set.

    Raises:
        FembError: it has no identities.
    """
    if source.identities is None:
        raise lacks_identities(source)
    return len(source), len(source.identities.names)
