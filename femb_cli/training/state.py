"""The state of a training: the network, the class weights, the optimizer and the number of steps done.

The state writes itself into a checkpoint and loads itself from one, on any number of processes. It stores no random
generator: see `randomness.py`.
"""

import json
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch.optim import Optimizer

from femb_cli.backbones import Backbone
from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.runs import CLASSIFIER, STATE
from femb_cli.checkpoints.store import Checkpoint, load_strictly, save_checkpoint
from femb_cli.classifier import MarginClassifier
from femb_cli.config.load import dump_config
from femb_cli.config.schema import TrainConfig
from femb_cli.errors import FembError
from femb_cli.runtime.ranks import is_main_process
from femb_cli.training.gather_shards import classifier_shard, gather_classifier, gather_optimizer, optimizer_shard

OPTIMIZER = "optimizer.pt"
SCALER = "scaler.pt"
PROGRESS = "progress.json"


@dataclass
class TrainingState:
    """Everything that a training step changes.

    Attributes:
        backbone: the network; every process has a full copy.
        classifier: the class weights; each process has those of its own identities.
        optimizer: over the parameters of both.
        scaler: scales the loss in fp16 training; None in other precisions.
        step: steps done since the run began.
    """

    backbone: Backbone
    classifier: MarginClassifier
    optimizer: Optimizer
    scaler: torch.amp.GradScaler | None = None
    step: int = 0

    def save(self, directory: Path, card: ModelCard, config: TrainConfig) -> None:
        """Write a checkpoint that can be used and resumed.

        Every process must call this: each sends its class weights to the main process, which writes the files.

        Args:
            directory: the checkpoint's directory; replaced if it exists.
            card: the network's model card.
            config: the run's configuration.
        """
        classifier_tensors = gather_classifier(self.classifier)
        optimizer_state = gather_optimizer(self.optimizer, self.classifier)
        if is_main_process():
            save_checkpoint(
                directory,
                self.backbone,
                card,
                classifier=classifier_tensors,
                config=dump_config(config),
                write_state=lambda state: self._write(state, optimizer_state),
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
        load_strictly(self.backbone, load_file(checkpoint.model_file), where=str(checkpoint.model_file))
        with _file_errors(checkpoint.path / CLASSIFIER) as file:
            tensors = load_file(file)
        load_strictly(self.classifier, classifier_shard(tensors, self.classifier), where=str(file))
        with _file_errors(state / OPTIMIZER) as file:
            self.optimizer.load_state_dict(optimizer_shard(_load_tensors(file), self.optimizer, self.classifier))
        if self.scaler is not None and (state / SCALER).is_file():
            with _file_errors(state / SCALER) as file:
                self.scaler.load_state_dict(_load_tensors(file))
        with _file_errors(state / PROGRESS) as file:
            self.step = int(json.loads(file.read_text(encoding="utf-8"))["step"])

    def _write(self, state: Path, optimizer: dict[str, Any]) -> None:
        """Write the files of a checkpoint's `state/`."""
        torch.save(optimizer, state / OPTIMIZER)
        if self.scaler is not None:
            torch.save(self.scaler.state_dict(), state / SCALER)
        (state / PROGRESS).write_text(json.dumps({"step": self.step}), encoding="utf-8")


def _load_tensors(file: Path) -> Any:
    """Map a file of `torch.save` into memory, on the CPU: the optimizer moves each tensor to its parameter's device."""
    return torch.load(file, map_location="cpu", weights_only=True, mmap=True)


@contextmanager
def _file_errors(file: Path) -> Iterator[Path]:
    """Turn any error in reading a damaged file into a FembError that names the file."""
    try:
        yield file
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError, pickle.UnpicklingError) as error:
        raise FembError(
            f"{file} is damaged: {str(error).splitlines()[0]}", hint="remove this checkpoint to go on from an older one"
        ) from error
