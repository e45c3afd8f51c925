"""What a run will do, computed from its configuration and the facts of its data alone (no torch, no images)."""

import math
from dataclasses import dataclass
from pathlib import Path

from femb_cli.config.schema import DatasetConfig, SyntheticConfig, TrainConfig
from femb_cli.data.huggingface.dataset_info import has_dataset_info, read_dataset_info
from femb_cli.data.open import open_source
from femb_cli.errors import FembError, UsageError
from femb_cli.training.softmax import Softmax, choose_softmax


@dataclass(frozen=True)
class Plan:
    """The size of a run.

    Attributes:
        num_images: images in the training set.
        num_identities: identities in the training set.
        batch_size: images in one step, all processes together.
        processes: number of processes.
        steps_per_epoch: batches in the training set, the last of which goes on with the next epoch.
        steps: steps of the run.
        softmax: how the softmax over the identities is computed.
    """

    num_images: int
    num_identities: int
    batch_size: int
    processes: int
    steps_per_epoch: float
    steps: int
    softmax: Softmax

    @property
    def epochs(self) -> float:
        """Passes over the data."""
        return self.steps / self.steps_per_epoch


def make_plan(config: TrainConfig, processes: int = 1) -> Plan:
    """Work out the steps of a run, and refuse what cannot work before anything expensive starts.

    Raises:
        UsageError: the batch cannot be shared out evenly.
        FembError: the dataset is missing, has no identities or is smaller than a batch.
    """
    num_images, num_identities = count_data(config.data)
    batch_size = config.batch_size
    if batch_size % processes:
        raise UsageError(
            f"a batch of {batch_size} images cannot be shared evenly by {processes} processes",
            hint=f"--batch-size {math.ceil(batch_size / processes) * processes}",
        )
    if batch_size > num_images:
        raise FembError(
            f"a batch of {batch_size} images is larger than the dataset of {num_images}",
            hint=f"--batch-size {max(1, num_images // 2)}",
        )
    steps_per_epoch = num_images / batch_size
    steps = config.steps if config.steps is not None else max(1, round((config.epochs or 0) * steps_per_epoch))
    softmax = choose_softmax(
        config.classifier, num_identities=num_identities, batch_size=batch_size, processes=processes
    )
    return Plan(num_images, num_identities, batch_size, processes, steps_per_epoch, steps, softmax)


def count_data(data: SyntheticConfig | DatasetConfig) -> tuple[int, int]:
    """Images and identities of a training set, from its metadata where it has any."""
    if isinstance(data, SyntheticConfig):
        return data.num_identities * data.images_per_identity, data.num_identities
    if has_dataset_info(Path(data.path)):
        facts = read_dataset_info(data.path)
        if facts.num_images is not None and facts.num_identities is not None:
            return facts.num_images, facts.num_identities
    source = open_source(data.path)
    if source.identities is None:
        raise FembError(
            f"{data.path} has no identities to train on", hint="training needs one folder per person, or labels"
        )
    return len(source), len(source.identities.names)
