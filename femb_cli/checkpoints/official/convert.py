"""From a file of official weights to a femb checkpoint."""

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from femb_cli.backbones import build_configured_backbone
from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.official.arcface_torch import ARCFACE
from femb_cli.checkpoints.official.family import Family, StateDict
from femb_cli.checkpoints.official.foamliu import FOAMLIU
from femb_cli.checkpoints.official.magface import MAGFACE
from femb_cli.checkpoints.store import load_strictly, save_checkpoint
from femb_cli.errors import FembError, UsageError
from femb_cli.files import file_sha256

UNREADABLE = (
    *(pickle.UnpicklingError, SafetensorError, EOFError, OSError),
    *(RuntimeError, ValueError, LookupError, TypeError, AssertionError, AttributeError),
)
"""What torch.load raises for a damaged file, or for one that would run code."""

FAMILIES = {family.name: family for family in (ARCFACE, MAGFACE, FOAMLIU)}


def convert_checkpoint(
    source: Path, destination: Path, family_name: str | None = None, *, overwrite: bool = False
) -> ModelCard:
    """Read official weights, check that every tensor fits, and write a femb checkpoint.

    Args:
        source: a file that torch.save made.
        destination: the checkpoint folder to make.
        family_name: a key of `FAMILIES`; None to recognise it by the tensors.
        overwrite: replace an existing folder.

    Raises:
        FembError: the file is not a checkpoint, of no known family, or its tensors do not fit.
    """
    content = load_safely(source)
    family, tensors = _recognise(content, source, family_name)
    try:
        config = family.backbone(tensors)
    except KeyError as error:
        raise FembError(f"{source} looks like {family.name}'s weights, but has no tensor {error}") from error
    except (ValueError, IndexError, UsageError) as error:
        raise FembError(f"{source} looks like {family.name}'s weights, but fits no network: {error}") from error
    backbone = build_configured_backbone(config)
    tensors = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    load_strictly(backbone, tensors, where=str(source))
    _refuse_non_finite(tensors, source)
    card = ModelCard(
        config,
        preprocessing=replace(family.preprocessing, input_size=config.input_size),
        flip=family.flip,
        source={
            "family": family.name,
            "repository": family.repository,
            "license": family.license,
            "training_data": family.training_data,
            "file": source.name,
            "sha256": file_sha256(source),
        },
    )
    save_checkpoint(destination, backbone, card, overwrite=overwrite)
    return card


def load_safely(source: Path) -> Any:
    """Load a file of torch.save without running anything in it.

    Raises:
        FembError: it is missing, damaged, or holds more than tensors and plain values.
    """
    if not source.is_file():
        raise FembError(f"no file at {source}")
    try:
        return torch.load(source, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise FembError(
            f"{source} is not a checkpoint that can be loaded safely: {reason}",
            hint="femb reads state dicts; it never runs the code that a pickled file may hold",
        ) from error


def _recognise(content: Any, source: Path, family_name: str | None) -> tuple[Family, StateDict]:
    if family_name is not None and family_name not in FAMILIES:
        raise UsageError(f"unknown family {family_name!r}: known are {', '.join(FAMILIES)}")
    candidates = [FAMILIES[family_name]] if family_name else list(FAMILIES.values())
    for family in candidates:
        tensors = family.unwrap(content)
        if tensors is not None:
            return family, tensors
    keys = list(content)[:3] if isinstance(content, dict) else type(content).__name__
    raise FembError(
        f"{source} is of no family that femb knows ({', '.join(f.name for f in candidates)}): it holds {keys}"
    )


def _refuse_non_finite(tensors: StateDict, source: Path) -> None:
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise FembError(f"{source}: the tensor {name} holds values that are not finite")
