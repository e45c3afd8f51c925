"""What a run needs, beside its weights, to be continued as if it had not stopped.

All randomness of a step comes from (seed, step, rank), so no generator's state has to be kept, and a run may go on
with another number of processes.
"""

import json
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch.optim import Optimizer

from femb_cli.backbones import Backbone
from femb_cli.checkpoints.runs import CLASSIFIER, STATE
from femb_cli.checkpoints.store import Checkpoint, load_strictly
from femb_cli.classifier import MarginClassifier
from femb_cli.errors import FembError
from femb_cli.training.shards import own_classifier, own_optimizer

OPTIMIZER = "optimizer.pt"
SCALER = "scaler.pt"
PROGRESS = "progress.json"


def seed_step(seed: int, step: int, rank: int, classifier: MarginClassifier) -> torch.Generator:
    """Seed one step on one process: dropout, sampled classes, drawn margins.

    Returns:
        A generator for the augmentation.
    """
    mixed = (seed * 1_000_003 + step) * 65_537
    classifier.seed(mixed)  # alike on every process
    mixed += rank
    torch.manual_seed(mixed)
    return torch.Generator().manual_seed(mixed)


def save_state(folder: Path, *, step: int, optimizer: dict[str, Any], scaler: torch.amp.GradScaler | None) -> None:
    """Write the whole optimizer's state and the position into a checkpoint's `state/`."""
    torch.save(optimizer, folder / OPTIMIZER)
    if scaler is not None:
        torch.save(scaler.state_dict(), folder / SCALER)
    (folder / PROGRESS).write_text(json.dumps({"step": step}), encoding="utf-8")


def load_state(
    checkpoint: Checkpoint,
    backbone: Backbone,
    classifier: MarginClassifier,
    optimizer: Optimizer,
    scaler: torch.amp.GradScaler | None,
) -> int:
    """Load a checkpoint into the parts of a run; returns the number of steps already done.

    Raises:
        FembError: the checkpoint has no state to go on from, or is of another model.
    """
    state = checkpoint.path / STATE
    if not (state / PROGRESS).is_file():
        raise FembError(
            f"{checkpoint.path} has no {STATE}/ to go on from", hint="it can be used, but not trained further"
        )
    load_strictly(backbone, load_file(checkpoint.model_file), where=str(checkpoint.model_file))
    with _naming(checkpoint.path / CLASSIFIER) as file:
        tensors = load_file(file)
    load_strictly(classifier, own_classifier(tensors, classifier), where=str(checkpoint.path / CLASSIFIER))
    # Read to the CPU; the optimizer moves each tensor to its parameter's device.
    with _naming(state / OPTIMIZER) as file:
        whole = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
        optimizer.load_state_dict(own_optimizer(whole, optimizer, classifier))
    if scaler is not None and (state / SCALER).is_file():
        with _naming(state / SCALER) as file:
            scaler.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    with _naming(state / PROGRESS) as file:
        return int(json.loads(file.read_text(encoding="utf-8"))["step"])


@contextmanager
def _naming(file: Path) -> Iterator[Path]:
    """Turn whatever a damaged file makes its reader raise into an error that names the file."""
    try:
        yield file
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError, pickle.UnpicklingError) as error:
        raise FembError(
            f"{file} is damaged: {str(error).splitlines()[0]}", hint="remove this checkpoint to go on from an older one"
        ) from error
