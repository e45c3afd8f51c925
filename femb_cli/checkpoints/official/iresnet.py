"""The architecture of an IResNet, read off its tensors' names and shapes."""

import math
import re
from typing import Any

from femb_cli.backbones.iresnet import BLOCKS, CHANNELS
from femb_cli.checkpoints.official.family import StateDict
from femb_cli.config.schema import BackboneConfig, IResNetConfig
from femb_cli.errors import FembError


def is_iresnet(tensors: StateDict) -> bool:
    """Whether the tensors' names are an IResNet's."""
    return "layer1.0.bn1.weight" in tensors and "fc.weight" in tensors


def iresnet_config(tensors: StateDict, bn_eps: float) -> BackboneConfig:
    """Depth from the blocks of each stage, width from the first layer, input size from the last.

    Raises:
        FembError: no IResNet has these blocks.
    """
    blocks = tuple(_count_blocks(tensors, stage) for stage in (1, 2, 3, 4))
    names: dict[tuple[int, ...], Any] = {counts: name for name, counts in BLOCKS.items()}
    if blocks not in names:
        raise FembError(f"no IResNet has {blocks} blocks: known are {', '.join(map(str, names))}")
    if tensors["fc.weight"].ndim != 2:
        raise FembError(f"fc.weight has the shape {tuple(tensors['fc.weight'].shape)}, not (embedding, features)")
    embedding_dim, features = tensors["fc.weight"].shape
    channels = tensors["bn2.weight"].shape[0]
    side = math.isqrt(features // channels)
    width = tensors["conv1.weight"].shape[0] / CHANNELS[0]
    return IResNetConfig(names[blocks], embedding_dim=embedding_dim, input_size=16 * side, width=width, bn_eps=bn_eps)


def _count_blocks(tensors: StateDict, stage: int) -> int:
    matches = (re.match(rf"layer{stage}\.(\d+)\.", name) for name in tensors)
    return 1 + max((int(match[1]) for match in matches if match), default=-1)
