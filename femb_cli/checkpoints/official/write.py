"""The official layouts of arcface_torch and MagFace: what their own programs load.

Their files say nothing of pixels or of batch norm's epsilon: the programs know them. A network that was trained
otherwise would load there without a complaint and answer wrongly, so it is refused.

Sources of the layouts: https://github.com/deepinsight/insightface (recognition/arcface_torch), whose `backbone.pth` is
a plain state dict; https://github.com/IrvingMeng/MagFace, whose file wraps that of its distributed training.
"""

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.runs import CLASSIFIER
from femb_cli.checkpoints.store import Checkpoint
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.errors import FembError


@dataclass(frozen=True)
class Convention:
    """What a project's program takes for granted.

    Attributes:
        project: its name.
        bn_eps: epsilon of batch norm by the name of the backbone.
        preprocessing: of its images.
    """

    project: str
    bn_eps: dict[str, float]
    preprocessing: Preprocessing


_IRESNETS = ("iresnet18", "iresnet34", "iresnet50", "iresnet100", "iresnet200")
_VITS = ("vit_t", "vit_s", "vit_b", "vit_l", "vit_h")
ARCFACE = Convention(
    "arcface_torch",
    dict.fromkeys((*_IRESNETS, "mbf", "mbf_large"), 1e-5) | dict.fromkeys(_VITS, 2e-5),
    Preprocessing(),
)
MAGFACE = Convention(
    "MagFace",
    dict.fromkeys(_IRESNETS, 2e-5),
    Preprocessing(channel_order="BGR", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)),
)
LAYOUTS = {"arcface": ARCFACE, "magface": MAGFACE}


def write_arcface(checkpoint: Checkpoint, file: Path) -> None:
    """Write arcface_torch's `backbone.pth`.

    Raises:
        FembError: the network would not compute the same there.
    """
    refuse_other_convention(checkpoint.card, ARCFACE)
    torch.save(_backbone_tensors(checkpoint, prefix=""), file)


def write_magface(checkpoint: Checkpoint, file: Path) -> None:
    """Write MagFace's wrapper, with the classifier's weights where the checkpoint has them.

    Raises:
        FembError: the network would not compute the same there.
    """
    refuse_other_convention(checkpoint.card, MAGFACE)
    tensors = _backbone_tensors(checkpoint, prefix="features.module.")
    classifier = checkpoint.path / CLASSIFIER
    if classifier.is_file():
        tensors["parallel_fc.weight"] = load_file(classifier)["weight"].clone()
    torch.save({"epoch": 0, "arch": checkpoint.card.backbone.name, "state_dict": tensors}, file)


def refuse_other_convention(card: ModelCard, convention: Convention) -> None:
    """Refuse a network that the project's program would run otherwise than it was trained.

    Raises:
        FembError: saying what differs.
    """
    project, name = convention.project, card.backbone.name
    if name not in convention.bn_eps:
        raise FembError(f"{project} has no {name}: only {', '.join(convention.bn_eps)}", hint=_way_out(card))
    if differences := _differences(card, convention):
        raise FembError(
            f"{project} would load this {name} without a complaint and embed wrongly: {differences[0]}",
            hint=_way_out(card),
        )


def _differences(card: ModelCard, convention: Convention) -> list[str]:
    """What the project takes for granted that is not so, in words."""
    pixels, assumed = card.preprocessing, convention.preprocessing
    values = {
        "batch norm's epsilon": (card.backbone.bn_eps, convention.bn_eps.get(card.backbone.name)),
        "the order of colours": (pixels.channel_order, assumed.channel_order),
        "the mean": (pixels.mean, assumed.mean),
        "the standard deviation": (pixels.std, assumed.std),
    }
    return [
        f"{what} is {own}, and {convention.project} takes {theirs} for granted"
        for what, (own, theirs) in values.items()
        if own != theirs
    ]


def _way_out(card: ModelCard) -> str:
    """The official layout that fits, or else the formats that say what they expect."""
    fitting = [layout for layout, convention in LAYOUTS.items() if not _differences(card, convention)]
    if fitting:
        return f"--format {fitting[0]} fits this network"
    return "--format onnx, torchscript, pt2, safetensors or hub: these say what the network expects"


def _backbone_tensors(checkpoint: Checkpoint, prefix: str) -> OrderedDict[str, Tensor]:
    """The state dict, each tensor in memory of its own, which is what torch.save writes."""
    tensors = checkpoint.load_backbone().state_dict()
    return OrderedDict((f"{prefix}{name}", tensor.clone()) for name, tensor in tensors.items())
