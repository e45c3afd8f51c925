"""Write a checkpoint in an official layout, for the program of the project that the layout comes from.

Such a file does not store the preprocessing or the epsilon of the batch norms: the program has fixed values for them.
If a network was trained with other values, the program would compute wrong embeddings without an error, so femb refuses
to write the file.
"""

from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import load_file

from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.official.families import LAYOUTS
from femb_cli.checkpoints.official.family import Layout
from femb_cli.checkpoints.runs import CLASSIFIER
from femb_cli.checkpoints.store import Checkpoint
from femb_cli.errors import FembError


def write_official(checkpoint: Checkpoint, layout: Layout, file: Path) -> None:
    """Write a checkpoint's network, and its class weights where both the layout and the checkpoint have them.

    Args:
        checkpoint: what to write.
        layout: one of `LAYOUTS`.
        file: the file to make.

    Raises:
        FembError: the project's program would compute other embeddings.
    """
    refuse_other_conventions(checkpoint.card, layout)
    family, state_dict = layout.family, checkpoint.load_backbone().state_dict()
    # torch.save writes a tensor's whole storage, which several tensors may share, so clone each tensor.
    tensors = OrderedDict((f"{family.prefixes[0]}{name}", tensor.clone()) for name, tensor in state_dict.items())
    classifier = checkpoint.path / CLASSIFIER
    if family.class_weights and classifier.is_file():
        checkpoint.refuse_damage(CLASSIFIER)
        weights = family.class_weights[0]
        tensors[weights.name] = weights.transpose(load_file(classifier)["weight"]).clone()
    wrapped = {"epoch": 0, "arch": checkpoint.card.backbone.name, "state_dict": tensors}
    torch.save(wrapped if layout.is_wrapped else tensors, file)


def refuse_other_conventions(card: ModelCard, layout: Layout) -> None:
    """Raise an error if the project's program would compute other embeddings than femb.

    Raises:
        FembError: naming the difference.
    """
    backbone, architectures = card.backbone.name, layout.family.architectures
    if layout.family.architecture_of(backbone) is None:
        known = ", ".join(name for architecture in architectures for name in architecture.backbones)
        raise FembError(f"{layout.project} has no {backbone}: only {known}", hint=_suggest_format(card))
    if differences := _find_differences(card, layout):
        raise FembError(
            f"{layout.project} would embed wrongly: {differences[0]}",
            hint=_suggest_format(card),
        )


def _find_differences(card: ModelCard, layout: Layout) -> list[str]:
    """Describe each fixed value of the program with which the network was not trained."""
    family, pixels = layout.family, card.preprocessing
    architecture = family.architecture_of(card.backbone.name)
    values = {
        "batch norm's epsilon": (card.backbone.bn_eps, architecture and family.bn_eps_of(architecture)),
        "the colour order": (pixels.channel_order, family.preprocessing.channel_order),
        "the mean": (pixels.mean, family.preprocessing.mean),
        "the standard deviation": (pixels.std, family.preprocessing.std),
    }
    return [f"{what} is {own}, not {fixed}" for what, (own, fixed) in values.items() if own != fixed]


def _suggest_format(card: ModelCard) -> str:
    """Name the official layout that fits, or else the formats that store the card."""
    fitting = [name for name, layout in LAYOUTS.items() if not _find_differences(card, layout)]
    if fitting:
        return f"--format {fitting[0]} fits this network"
    return "--format onnx, torchscript, pt2, safetensors or hub: these store the preprocessing"
