"""Describe a model on disk: a run, a checkpoint, a safetensors file or an ONNX file."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.onnx_file import onnx_metadata, read_onnx_model
from femb_cli.checkpoints.onnx_inspection import OnnxDetails, inspect_onnx
from femb_cli.checkpoints.runs import CLASSIFIER, CONFIG, RUN_SUMMARY, STATE, checkpoint_step
from femb_cli.checkpoints.stated_onnx import is_stated
from femb_cli.checkpoints.store import Checkpoint, empty_backbone, open_checkpoint
from femb_cli.config.load import read_yaml
from femb_cli.errors import FembError


@dataclass(frozen=True)
class TrainingDetails:
    """What a checkpoint directory contains besides the network.

    Attributes:
        class_weights: number of identities with class weights; None if there are no class weights.
        can_be_resumed: whether the optimizer's state is there, which training needs to continue.
        step: training steps done; None for a checkpoint outside a run.
        data: the training set in the run's configuration, if there is one.
    """

    class_weights: int | None
    can_be_resumed: bool
    step: int | None
    data: Any


@dataclass(frozen=True)
class ModelDetails:
    """A model on disk.

    Attributes:
        path: the path that the user gave.
        kind: `run`, `checkpoint`, `file` or `ONNX file`.
        file: the file with the weights.
        num_parameters: parameters of the network.
        card: the model card in the file.
        matches_fingerprint: whether the network's fingerprint equals the card's; None if not checked.
        problem: why the weights cannot be loaded; None if they can, or if not checked.
        training: the rest of the checkpoint directory; None for a single file.
        summary: the result of a finished run; None for anything else.
    """

    path: Path
    kind: str
    file: Path
    num_parameters: int
    card: ModelCard
    matches_fingerprint: bool | None
    problem: str | None = None
    training: TrainingDetails | None = None
    summary: Mapping[str, Any] | None = None

    @property
    def num_bytes(self) -> int:
        """Size of the file with the weights."""
        return self.file.stat().st_size

    def to_json(self) -> dict[str, Any]:
        """Return the details as plain values, as `femb inspect --json` prints them."""
        card = self.card
        details = {
            "path": str(self.path),
            "kind": self.kind,
            "file": str(self.file),
            "bytes": self.num_bytes,
            "parameters": self.num_parameters,
            "backbone": asdict(card.backbone),
            **asdict(card.preprocessing),
            "flip": card.flip,
            "header": dict(card.header),
            "num_identities": card.num_identities,
            "magnitude_is_quality": card.magnitude_is_quality,
            "source": dict(card.source),
            "thresholds": [asdict(threshold) for threshold in card.thresholds],
            "fingerprint": card.fingerprint,
            "answers_as_stated": self.matches_fingerprint,
            "problem": self.problem,
        }
        if self.training is not None:
            details |= asdict(self.training)
        if self.summary is not None:
            details["summary"] = self.summary
        return details


def inspect_model(path: Path) -> ModelDetails | OnnxDetails:
    """Read a model's card, and check that its weights match the card.

    A checkpoint is loaded and its fingerprint is checked; of an ONNX file only the metadata is read. One of another
    program has no card.

    Raises:
        FembError: there is no model, or its metadata is missing or damaged.
    """
    return _inspect_onnx(path) if path.suffix == ".onnx" and not path.is_dir() else _inspect_checkpoint(path)


def _inspect_onnx(path: Path) -> ModelDetails | OnnxDetails:
    metadata = onnx_metadata(read_onnx_model(path))
    if is_stated(metadata):
        return inspect_onnx(path)
    card = ModelCard.from_metadata(metadata, str(path))
    return ModelDetails(path, "ONNX file", path, _count_parameters(card, path), card, matches_fingerprint=None)


def _inspect_checkpoint(path: Path) -> ModelDetails:
    checkpoint = open_checkpoint(path)
    card, file = checkpoint.card, checkpoint.model_file
    num_parameters = _count_parameters(card, file)
    problem = _find_problem(checkpoint)
    return ModelDetails(
        path=path,
        kind="file" if path.is_file() else "run" if path != checkpoint.path else "checkpoint",
        file=file,
        num_parameters=num_parameters,
        card=card,
        matches_fingerprint=False if problem else True if card.fingerprint else None,
        problem=problem,
        training=_read_training(checkpoint.path) if path.is_dir() else None,
        summary=_read_summary(path),
    )


def _count_parameters(card: ModelCard, file: Path) -> int:
    backbone = empty_backbone(card.backbone, where=str(file))
    return sum(parameter.numel() for parameter in backbone.parameters())


def _find_problem(checkpoint: Checkpoint) -> str | None:
    """Load the network, which checks its tensors and its fingerprint; return the error message, or None."""
    try:
        checkpoint.load_backbone()
    except FembError as error:
        return error.message
    return None


def _read_training(checkpoint: Path) -> TrainingDetails:
    config = read_yaml(checkpoint / CONFIG) if (checkpoint / CONFIG).is_file() else {}
    return TrainingDetails(
        class_weights=_count_class_weights(checkpoint / CLASSIFIER),
        can_be_resumed=(checkpoint / STATE).is_dir(),
        step=checkpoint_step(checkpoint) if config else None,
        data=config.get("data"),
    )


def _count_class_weights(file: Path) -> int | None:
    if not file.is_file():
        return None
    try:
        with safe_open(file, "pt") as tensors:
            num_identities, _ = tensors.get_slice("weight").get_shape()
    except (SafetensorError, OSError, ValueError) as error:
        raise FembError(f"{file} has no readable class weights: {error}") from error
    return int(num_identities)


def _read_summary(run: Path) -> Mapping[str, Any] | None:
    """Read the result of a finished run; None for anything else."""
    file = run / RUN_SUMMARY
    if not file.is_file():
        return None
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise FembError(f"{file} is damaged: {error}") from error
