"""The state of a training: the network, the class weights, the optimizer and the number of steps done.

The state writes itself into a checkpoint and loads itself from one, on any number of processes. It stores no random
generator: see `randomness.py`.
"""

import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel

from femb_cli.backbones import Backbone
from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.runs import CLASSIFIER, OPTIMIZER, PROGRESS, STATE, TRAINED
from femb_cli.checkpoints.store import Checkpoint, load_strictly, save_checkpoint, save_tensors, to_storable
from femb_cli.classifier import MarginClassifier
from femb_cli.config.load import dump_config
from femb_cli.config.schema import TrainConfig
from femb_cli.errors import FembError
from femb_cli.runtime.ranks import is_main_process
from femb_cli.training.gather_shards import classifier_shard, gather_classifier, gather_optimizer, optimizer_shard
from femb_cli.training.run.progress_file import Progress, read_progress
from femb_cli.training.run.run_log import Means

SCALER = "scaler.pt"


_READ_ERRORS = (
    *(OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, RuntimeError),
    *(SafetensorError, pickle.UnpicklingError),
)
"""What reading a damaged file can raise, in torch, safetensors and JSON."""


@dataclass
class TrainingState:
    """Everything that a training step changes.

    Attributes:
        backbone: the network; every process has a full copy.
        classifier: the class weights; each process has those of its own identities.
        optimizer: over the parameters of both.
        scaler: scales the loss in fp16 training; None in other precisions.
        step: steps done since the run began.
        means: running means of the metrics since the last line of the log.
        averaged: moving average of the backbone's weights; None if the run has none.
        people_U: digests of the names of the people that the network has been trained on, int64 (U,).
    """

    backbone: Backbone
    classifier: MarginClassifier
    optimizer: Optimizer
    scaler: torch.amp.GradScaler | None = None
    step: int = 0
    means: Means = field(default_factory=Means)
    averaged: AveragedModel | None = None
    people_U: NDArray[np.int64] | None = None

    @property
    def network(self) -> Backbone:
        """The network that is verified and saved: the average of the weights, if there is one."""
        return self.backbone if self.averaged is None else cast(Backbone, self.averaged.module)

    def save(self, directory: Path, card: ModelCard, config: TrainConfig) -> None:
        """Write a checkpoint that can be used and resumed.

        Every process must call this: each sends its class weights to the main process, which writes the files.

        Args:
            directory: the checkpoint's directory; replaced if it exists.
            card: the network's model card.
            config: the run's configuration.

        Raises:
            FembError: the checkpoint cannot be written; nothing of it is left, and older ones are unchanged.
        """
        classifier_tensors = gather_classifier(self.classifier)
        optimizer_state = gather_optimizer(self.optimizer, self.classifier)
        progress = Progress(self.step, self.means.count, self.means.gather())
        if is_main_process():
            save_checkpoint(
                directory,
                self.network,
                card,
                classifier=classifier_tensors,
                people_U=self.people_U,
                config=dump_config(config),
                write_state=lambda state: self._write(state, optimizer_state, progress),
                overwrite=True,
            )

    def load(self, checkpoint: Checkpoint) -> None:
        """Load a checkpoint in place.

        Raises:
            FembError: the checkpoint has no training state, is damaged, or belongs to another model.
        """
        state = checkpoint.path / STATE
        if not (state / PROGRESS).is_file():
            raise FembError(
                f"{checkpoint.path} cannot be resumed: it has no {STATE}/",
                hint="it can be used, but not trained further",
            )
        with _file_errors(checkpoint.model_file) as file:
            tensors = load_file(file)
        load_strictly(self.network, tensors, where=str(file))
        if self.averaged is not None:
            with _file_errors(state / TRAINED) as file:
                tensors = load_file(file)
            load_strictly(self.backbone, tensors, where=str(file))
        with _file_errors(checkpoint.path / CLASSIFIER) as file:
            tensors = load_file(file)
        load_strictly(self.classifier, classifier_shard(tensors, self.classifier), where=str(file))
        with _file_errors(state / OPTIMIZER) as file:
            optimizer = optimizer_shard(_load_tensors(file), self.optimizer, self.classifier)
            _refuse_another_optimizer(optimizer, self.optimizer, file)
            self.optimizer.load_state_dict(optimizer)
        if self.scaler is not None and (state / SCALER).is_file():
            with _file_errors(state / SCALER) as file:
                self.scaler.load_state_dict(_load_tensors(file))
        with _file_errors(state / PROGRESS):
            progress = read_progress(checkpoint.path)
        self.step = progress.step
        if self.averaged is not None:
            self.averaged.n_averaged.fill_(progress.step)
        self.means.load(progress)

    def _write(self, state: Path, optimizer: dict[str, Any], progress: Progress) -> None:
        """Write the files of a checkpoint's `state/`."""
        _save_tensors(optimizer, state / OPTIMIZER)
        if self.scaler is not None:
            _save_tensors(self.scaler.state_dict(), state / SCALER)
        if self.averaged is not None:
            save_tensors(to_storable(self.backbone.state_dict()), state / TRAINED)
        progress.write(state)


def _save_tensors(value: Any, file: Path) -> None:
    """Write a file of `torch.save`; its writer in C++ hides the cause of a failure, such as a full disk."""
    with file.open("wb") as stream:
        try:
            torch.save(value, stream)
        except RuntimeError as error:
            raise (error.__context__ if isinstance(error.__context__, OSError) else error) from None


def _load_tensors(file: Path) -> Any:
    """Map a file of `torch.save` into memory, on the CPU: the optimizer moves each tensor to its parameter's device."""
    return torch.load(file, map_location="cpu", weights_only=True, mmap=True)


def _refuse_another_optimizer(state: Mapping[str, Any], optimizer: Optimizer, file: Path) -> None:
    """Refuse the state of another kind of optimizer, or of other parameters: torch would fail at the next step.

    Raises:
        FembError: it does not fit.
    """
    hint = "a new run that starts from this checkpoint has a new optimizer: femb train --init"
    ours, theirs = optimizer.param_groups, state["param_groups"]
    for name, owner in (("momentum", "SGD"), ("betas", "AdamW")):
        if (name in theirs[0]) != (name in ours[0]):
            kind = type(optimizer).__name__
            problem = f"the {name} of {owner}, but the run has {kind}" if name in theirs[0] else f"no {name} for {kind}"
            raise FembError(f"{file} has {problem}", hint=hint)
    if [len(group["params"]) for group in theirs] != [len(group["params"]) for group in ours]:
        raise FembError(f"{file} is the state of other parameters than the run has", hint=hint)
    parameters = [parameter for group in ours for parameter in group["params"]]
    for index, values in state["state"].items():
        shape = parameters[index].shape
        for value in values.values():
            if isinstance(value, Tensor) and value.ndim > 0 and value.shape != shape:
                raise FembError(
                    f"{file} has a tensor of {tuple(value.shape)} for a parameter of {tuple(shape)}", hint=hint
                )


@contextmanager
def _file_errors(file: Path) -> Iterator[Path]:
    """Turn any error in reading a damaged file into a FembError that names the file."""
    try:
        yield file
    except _READ_ERRORS as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise FembError(
            f"{file} is damaged: {reason}", hint="remove this checkpoint to go on from an older one"
        ) from error
