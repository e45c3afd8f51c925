"""IResNet, with the same tensor names as in femb: arcface_torch, MagFace, ElasticFace, face-embeddings (seed)."""

import math
import re
from collections.abc import Sequence
from typing import Any

from femb_cli.backbones.iresnet import BLOCKS, CHANNELS, IRSE_BLOCKS
from femb_cli.checkpoints.official.files.state_dict import StateDict, length
from femb_cli.checkpoints.official.networks.architecture import Architecture
from femb_cli.config.schema import BackboneConfig, IResNetConfig
from femb_cli.errors import FembError

LAST_OF_STAGES = tuple(f"layer{stage}.0.conv2.weight" for stage in (1, 2, 3, 4))
"""One convolution of each stage, with as many channels as the stage."""


def iresnet_config(tensors: StateDict, bn_eps: float) -> BackboneConfig:
    """Derive the depth from the blocks of each stage, the width from the channels, the input size from `fc`.

    Raises:
        FembError: no IResNet has these blocks or channels.
    """
    blocks = tuple(_count_blocks(tensors, stage) for stage in (1, 2, 3, 4))
    known = IRSE_BLOCKS if "layer1.0.gate.fc1.weight" in tensors else BLOCKS
    names: dict[tuple[int, ...], Any] = {counts: name for name, counts in known.items()}
    if blocks not in names:
        raise FembError(f"no IResNet has {blocks} blocks: known are {', '.join(map(str, names))}")
    if tensors["fc.weight"].ndim != 2:
        raise FembError(f"fc.weight has the shape {tuple(tensors['fc.weight'].shape)}, not (embedding, features)")
    side = math.isqrt(tensors["fc.weight"].shape[1] // length(tensors, "bn2.weight"))
    return IResNetConfig(
        names[blocks],
        embedding_dim=length(tensors, "features.running_mean"),
        input_size=16 * side,
        width=width_of([length(tensors, name) for name in ("conv1.weight", *LAST_OF_STAGES)]),
        bn_eps=bn_eps,
    )


def width_of(channels: Sequence[int]) -> float:
    """Return a width that gives these channels of the first convolution and of each stage.

    Raises:
        FembError: there is no such width.
    """
    pairs = list(zip(channels, CHANNELS, strict=True))
    lowest = max((found - 0.5) / usual for found, usual in pairs)
    highest = min((found + 0.5) / usual for found, usual in pairs)
    exact = channels[-1] / CHANNELS[-1]
    for width in (exact, *(round((lowest + highest) / 2, digits) for digits in range(1, 7))):
        if all(max(1, round(width * usual)) == found for found, usual in pairs):
            return width
    usual = ", ".join(map(str, CHANNELS))
    raise FembError(
        f"no IResNet has stages of {', '.join(map(str, channels))} channels: femb's have {usual}, times a width"
    )


def _count_blocks(tensors: StateDict, stage: int) -> int:
    matches = (re.match(rf"layer{stage}\.(\d+)\.", name) for name in tensors)
    return 1 + max((int(match[1]) for match in matches if match), default=-1)


IRESNET = Architecture(
    "IResNet",
    marker="layer1.0.bn1.weight",
    backbones=tuple(name for name in BLOCKS if name != "iresnet152"),  # only IR-152 is published
    config=iresnet_config,
    usual_family="arcface_torch",
)
