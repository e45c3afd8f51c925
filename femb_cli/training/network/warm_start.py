"""Warm start: begin a run with the weights of a checkpoint.

The run takes the checkpoint's backbone, with its epsilon, and its preprocessing (colour order, mean, std), because the
weights depend on both. The class weights are random unless `init.classifier` is set.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from femb_cli.backbones import Backbone
from femb_cli.checkpoints.runs import CLASSIFIER
from femb_cli.checkpoints.store import Checkpoint, load_strictly, open_checkpoint
from femb_cli.classifier import MarginClassifier
from femb_cli.config.load import config_path, load_config, read_yaml
from femb_cli.config.schema import TrainConfig
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.errors import FembError, UsageError
from femb_cli.training.gather_shards import WEIGHT, classifier_shard

TRAINING_ONLY = (
    *("dropout", "dropout_of", "bn_momentum", "last_norm", "initial_weights"),
    *("drop_path", "mask_ratio"),
)
"""Settings of a backbone that change how it is trained, but not what its weights compute."""


def warm_start_checkpoint(config: TrainConfig) -> Checkpoint | None:
    """Open the checkpoint that a configuration starts from, if it names one.

    Raises:
        FembError: it is missing or damaged.
    """
    return open_checkpoint(Path(config.init.checkpoint)) if config.init.checkpoint else None


def load_config_from(
    checkpoint: Checkpoint, file: str | None, default: str, settings: Sequence[str], overrides: Mapping[str, Any]
) -> TrainConfig:
    """Load the configuration of a run that starts from a checkpoint, with the checkpoint's backbone.

    Args:
        checkpoint: what the run starts from.
        file: the configuration that the user named, if any; a backbone in it must be the checkpoint's.
        default: the configuration to use otherwise; its backbone is ignored.
        settings: see `load_config`.
        overrides: see `load_config`.

    Raises:
        UsageError: the configuration asks for another network than the checkpoint's.
    """
    own = asdict(checkpoint.card.backbone)
    asked = _backbone_in(file)
    backbone = {**own, **asked} if asked.get("name", own["name"]) == own["name"] else asked
    # `--backbone NAME` would replace the checkpoint's settings, so it is left out when NAME is the checkpoint's.
    others = {key: value for key, value in overrides.items() if (key, value) != ("backbone", own["name"])}
    config = load_config(file or default, settings, {"backbone": backbone, **others})
    _refuse_another_network(asdict(config.backbone), own, checkpoint)
    _refuse_other_pixels(config, checkpoint)
    return replace(config, init=replace(config.init, checkpoint=str(checkpoint.path.resolve())))


def check_class_weights(checkpoint: Checkpoint, shape: tuple[int, int]) -> None:
    """Check that a checkpoint has class weights of the run's shape: (identities, embedding dimension).

    Raises:
        FembError: they are missing or of another shape.
    """
    file = checkpoint.path / CLASSIFIER
    hint = "without init.classifier, the class weights start from random values"
    if not file.is_file():
        raise FembError(f"{checkpoint.path} has no class weights to start from (no {CLASSIFIER})", hint=hint)
    try:
        with safe_open(file, "pt") as tensors:
            stored = tuple(tensors.get_slice(WEIGHT).get_shape())
    except (SafetensorError, OSError) as error:
        raise FembError(f"{file} has no readable class weights: {error}", hint=hint) from error
    if stored != shape:
        raise FembError(
            f"{file} has class weights of {stored[0]} identities, but the training set has {shape[0]}", hint=hint
        )


def load_warm_start(checkpoint: Checkpoint, backbone: Backbone, classifier: MarginClassifier | None) -> None:
    """Copy a checkpoint's weights into a new network.

    Args:
        checkpoint: what the run starts from.
        backbone: gets the network's weights, in place.
        classifier: gets this process's class weights, in place; None: the class weights stay random.

    Raises:
        FembError: a tensor does not fit, or the checkpoint is damaged.
    """
    load_strictly(backbone, checkpoint.load_backbone().state_dict(), where=str(checkpoint.model_file))
    if classifier is not None:
        checkpoint.refuse_damage(CLASSIFIER)
        check_class_weights(checkpoint, (classifier.num_identities, backbone.embedding_dim))
        shard = classifier_shard(load_file(checkpoint.path / CLASSIFIER), classifier)
        with torch.no_grad():
            classifier.weight.copy_(shard[WEIGHT])


def _backbone_in(file: str | None) -> dict[str, Any]:
    """Read the backbone's settings in a configuration file."""
    backbone = read_yaml(config_path(file)).get("backbone", {}) if file else {}
    return {"name": backbone} if isinstance(backbone, str) else dict(backbone)


def _refuse_another_network(asked: Mapping[str, Any], own: Mapping[str, Any], checkpoint: Checkpoint) -> None:
    differing = [
        key for key in {**own, **asked} if key not in TRAINING_ONLY and asked.get(key, own.get(key)) != own.get(key)
    ]
    if "name" in differing:
        differing = ["name"]
    if differing:
        theirs = ", ".join(f"{key} {own.get(key)}".removeprefix("name ") for key in differing)
        ours = ", ".join(f"{key} {asked[key]}".removeprefix("name ") for key in differing)
        raise UsageError(
            f"{checkpoint.path} has the backbone {theirs}, not {ours}",
            hint="leave the backbone out of the configuration to use the checkpoint's",
        )


def _refuse_other_pixels(config: TrainConfig, checkpoint: Checkpoint) -> None:
    """Refuse an input that the checkpoint's weights were not trained on."""
    own = checkpoint.card.preprocessing
    if config.pixels is not None and Preprocessing.of(config.pixels, own.input_size) != own:
        raise UsageError(
            f"cannot start from {checkpoint.path}: its network takes {own.channel_order} with mean {own.mean[0]:g} and"
            f" std {own.std[0]:g}, the configuration's {config.pixels.channel_order} with mean {config.pixels.mean:g}"
            f" and std {config.pixels.std:g}",
            hint="--set pixels=null takes the checkpoint's",
        )
