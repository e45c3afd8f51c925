"""What can be said of a model on disk, as plain values: of a run, a checkpoint, a safetensors file or an ONNX file."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.runs import CLASSIFIER, CONFIG, RUN_SUMMARY, STATE, checkpoint_step
from femb_cli.checkpoints.store import Checkpoint, empty_backbone, open_checkpoint
from femb_cli.config.load import read_yaml
from femb_cli.errors import FembError


def inspect_model(path: Path) -> dict[str, Any]:
    """Everything that a model says of itself, and whether its weights are what it says.

    A checkpoint is loaded and asked for its fingerprint; of an ONNX file, only the metadata are read.

    Returns:
        The facts. `answers_as_stated` is whether the network gives its fingerprint, None where that is not known, and
        `problem` what is wrong with the weights, or None.

    Raises:
        FembError: there is no model, or it does not say what it is.
    """
    if path.suffix == ".onnx":
        card = ModelCard.from_metadata(_onnx_metadata(path), str(path))
        unchecked = {"answers_as_stated": None, "problem": None}
        return {"path": str(path), "kind": "ONNX file", **_card_facts(card, path), **unchecked}
    checkpoint = open_checkpoint(path)
    kind = "file" if path.is_file() else "run" if path != checkpoint.path else "checkpoint"
    facts = {"path": str(path), "kind": kind, **_card_facts(checkpoint.card, checkpoint.model_file)}
    return facts | _check(checkpoint) | (_training_facts(checkpoint.path) if path.is_dir() else {}) | _run_facts(path)


def _card_facts(card: ModelCard, file: Path) -> dict[str, Any]:
    """What the card says, and the size of the network."""
    backbone = empty_backbone(card.backbone, where=str(file))
    return {
        "file": str(file),
        "bytes": file.stat().st_size,
        "parameters": sum(parameter.numel() for parameter in backbone.parameters()),
        "backbone": asdict(card.backbone),
        **asdict(card.preprocessing),
        "flip": card.flip,
        "header": dict(card.header),
        "num_identities": card.num_identities,
        "magnitude_is_quality": card.magnitude_is_quality,
        "source": dict(card.source),
        "fingerprint": card.fingerprint,
    }


def _check(checkpoint: Checkpoint) -> dict[str, Any]:
    """Whether the tensors fit, and the network answers as it should."""
    try:
        checkpoint.load_backbone()
    except FembError as error:
        return {"answers_as_stated": False, "problem": error.message}
    return {"answers_as_stated": True if checkpoint.card.fingerprint else None, "problem": None}


def _training_facts(checkpoint: Path) -> dict[str, Any]:
    """What a checkpoint has beside its network."""
    config = read_yaml(checkpoint / CONFIG) if (checkpoint / CONFIG).is_file() else {}
    return {
        "class_weights": _num_class_weights(checkpoint / CLASSIFIER),
        "can_be_resumed": (checkpoint / STATE).is_dir(),
        "step": checkpoint_step(checkpoint) if config else None,
        "data": config.get("data"),
    }


def _run_facts(run: Path) -> dict[str, Any]:
    """The result of a finished run."""
    file = run / RUN_SUMMARY
    if not file.is_file():
        return {}
    try:
        return {"summary": json.loads(file.read_text(encoding="utf-8"))}
    except (ValueError, RecursionError) as error:
        raise FembError(f"{file} is damaged: {error}") from error


def _num_class_weights(file: Path) -> int | None:
    if not file.is_file():
        return None
    try:
        with safe_open(file, "pt") as tensors:
            num_identities, _ = tensors.get_slice("weight").get_shape()
    except (SafetensorError, OSError, ValueError) as error:
        raise FembError(f"{file} holds no class weights that can be read: {error}") from error
    return int(num_identities)


def _onnx_metadata(path: Path) -> dict[str, str]:
    """The texts that an ONNX file carries."""
    try:
        import onnx
    except ImportError as error:
        raise FembError("reading ONNX files needs onnx", hint="pip install 'femb[onnx]'") from error
    if not path.is_file():
        raise FembError(f"no model at {path}")
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:  # protobuf's errors belong to a package that femb does not name
        raise FembError(f"{path} is not a readable ONNX file: {error}") from error
    return {entry.key: entry.value for entry in model.metadata_props}
