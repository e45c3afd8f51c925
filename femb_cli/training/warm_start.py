"""Starting a run from a checkpoint's weights: whose network it is, and what goes on from there.

The run takes the checkpoint's backbone, its epsilon too, and its pixels (colour order, mean, std): the weights mean
nothing without them. The class weights start anew unless `init.classifier` asks for the checkpoint's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from femb_cli.backbones import Backbone
from femb_cli.checkpoints.card import QUALITY_HEADERS, ModelCard
from femb_cli.checkpoints.runs import CLASSIFIER
from femb_cli.checkpoints.store import Checkpoint, load_strictly, open_checkpoint
from femb_cli.classifier import MarginClassifier
from femb_cli.config.load import config_path, load_config, read_yaml
from femb_cli.config.schema import TrainConfig
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.errors import FembError, UsageError
from femb_cli.files import file_sha256
from femb_cli.training.sharded_state import WEIGHT, classifier_shard

TRAINING_ONLY = ("dropout", "drop_path", "mask_ratio")
"""Settings of a backbone that change how it is trained, not what its weights compute."""


def load_config_from(
    initial: Checkpoint, file: str | None, default: str, settings: Sequence[str], overrides: Mapping[str, Any]
) -> TrainConfig:
    """Load the configuration of a run that starts from a checkpoint: its backbone is the checkpoint's.

    Args:
        initial: the checkpoint.
        file: the configuration that a person named, if any; a backbone in it must be the checkpoint's.
        default: the configuration otherwise, whose backbone does not count.
        settings: see `load_config`.
        overrides: see `load_config`.

    Raises:
        UsageError: a backbone was asked for that is another network than the checkpoint's.
    """
    own = asdict(initial.card.backbone)
    stated = _stated_backbone(file)
    backbone = {**own, **stated} if stated.get("name", own["name"]) == own["name"] else stated
    # Naming the network that it is changes nothing; naming another starts from that one's defaults.
    others = {key: value for key, value in overrides.items() if (key, value) != ("backbone", own["name"])}
    config = load_config(file or default, settings, {"backbone": backbone, **others})
    _refuse_another_network(asdict(config.backbone), own, initial)
    return replace(config, init=replace(config.init, checkpoint=str(initial.path.resolve())))


def check_classifier(initial: Checkpoint, shape: tuple[int, int]) -> None:
    """Check that a checkpoint's class weights are there and of the run's (identities, embedding size).

    Raises:
        FembError: they are not.
    """
    file = initial.path / CLASSIFIER
    hint = "without init.classifier, the class weights start anew"
    if not file.is_file():
        raise FembError(f"{initial.path} has no class weights to start from (no {CLASSIFIER})", hint=hint)
    with safe_open(file, "pt") as tensors:
        stored = tuple(tensors.get_slice(WEIGHT).get_shape())
    if stored != shape:
        raise FembError(
            f"the class weights in {file} are of {stored[0]} identities, the training set has {shape[0]}", hint=hint
        )


def load_initial(initial: Checkpoint, backbone: Backbone, classifier: MarginClassifier | None) -> None:
    """Copy a checkpoint's weights into the parts of a run.

    Args:
        initial: the checkpoint.
        backbone: takes the network's weights, in place.
        classifier: takes this process's class weights, in place; None to leave them as they are.

    Raises:
        FembError: a tensor does not fit, or the checkpoint is damaged.
    """
    load_strictly(backbone, initial.load_backbone().state_dict(), where=str(initial.model_file))
    if classifier is not None:
        check_classifier(initial, (classifier.num_identities, backbone.embedding_dim))
        own = classifier_shard(load_file(initial.path / CLASSIFIER), classifier)
        with torch.no_grad():
            classifier.weight.copy_(own[WEIGHT])


def initial_checkpoint(config: TrainConfig) -> Checkpoint | None:
    """The checkpoint that a configuration starts from, if any."""
    return open_checkpoint(Path(config.init.checkpoint)) if config.init.checkpoint else None


def run_card(config: TrainConfig, num_identities: int, source: Checkpoint | None, *, resumed: bool) -> ModelCard:
    """The card of a run's network.

    Args:
        config: the run's configuration.
        num_identities: identities in the training set.
        source: the checkpoint whose weights it goes on with, if any.
        resumed: whether that is the run's own.
    """
    card = ModelCard(
        config.backbone,
        Preprocessing(input_size=config.backbone.input_size),
        header=asdict(config.header),
        num_identities=num_identities,
        magnitude_is_quality=config.header.name in QUALITY_HEADERS,
    )
    if source is None:
        return card
    card = replace(
        card, preprocessing=source.card.preprocessing, flip=source.card.flip, source=dict(source.card.source)
    )
    return card if resumed else card.with_source(init=str(source.path), init_sha256=file_sha256(source.model_file))


def to_pixels_of(preprocessing: Preprocessing, images_B3HW: Tensor) -> Tensor:
    """Map augmented images (RGB in [-1, 1]) to the colours and the range that a network expects of its input."""
    standard = Preprocessing(preprocessing.input_size)
    if preprocessing == standard:
        return images_B3HW
    if preprocessing.channel_order != standard.channel_order:
        images_B3HW = images_B3HW.flip(1)
    mean_C, std_C = (images_B3HW.new_tensor(values) for values in (preprocessing.mean, preprocessing.std))
    return (images_B3HW * 0.5 + 0.5 - mean_C[:, None, None]) / std_C[:, None, None]


def _stated_backbone(file: str | None) -> dict[str, Any]:
    """What a configuration file says of the backbone."""
    stated = read_yaml(config_path(file)).get("backbone", {}) if file else {}
    return {"name": stated} if isinstance(stated, str) else dict(stated)


def _refuse_another_network(asked: Mapping[str, Any], own: Mapping[str, Any], initial: Checkpoint) -> None:
    differing = [
        key for key in {**own, **asked} if key not in TRAINING_ONLY and asked.get(key, own.get(key)) != own.get(key)
    ]
    if "name" in differing:
        differing = ["name"]
    if differing:
        there = ", ".join(f"{key} {own.get(key)}" for key in differing)
        here = ", ".join(f"{key} {asked[key]}" for key in differing)
        raise UsageError(
            f"cannot start from {initial.path}: its backbone has {there}, the configuration {here}",
            hint="leave the backbone away, and it is the checkpoint's",
        )
