"""The families whose network is an IResNet: arcface_torch and MagFace.

The names of the tensors are the same, up to a prefix; batch norm's epsilon and the pixels are not. Sources:
https://github.com/deepinsight/insightface (recognition/arcface_torch), https://github.com/IrvingMeng/MagFace.
"""

import math
import re
from typing import Any

from femb_cli.backbones.iresnet import BLOCKS, CHANNELS
from femb_cli.checkpoints.official.family import Family, StateDict, is_state_dict
from femb_cli.config.schema import BackboneConfig, IResNetConfig
from femb_cli.data.preprocess import Preprocessing
from femb_cli.errors import FembError

MAGFACE_PREFIXES = ("features.module.", "module.features.")
"""Of MagFace's distributed and data-parallel training; cut once, at the front: the last layer is itself `features`."""


def _unwrap_arcface(content: Any) -> StateDict | None:
    return content if is_state_dict(content) and "layer1.0.bn1.weight" in content and "fc.weight" in content else None


def _unwrap_magface(content: Any) -> StateDict | None:
    if not isinstance(content, dict) or not is_state_dict(content.get("state_dict")):
        return None
    for prefix in MAGFACE_PREFIXES:
        tensors = {
            name.removeprefix(prefix): tensor
            for name, tensor in content["state_dict"].items()
            if name.startswith(prefix)
        }
        if "layer1.0.bn1.weight" in tensors:
            return tensors
    return None


def _backbone(tensors: StateDict, bn_eps: float) -> BackboneConfig:
    blocks = tuple(_count_blocks(tensors, stage) for stage in (1, 2, 3, 4))
    names: dict[tuple[int, ...], Any] = {counts: name for name, counts in BLOCKS.items()}
    if blocks not in names:
        raise FembError(f"no IResNet has {blocks} blocks: known are {', '.join(map(str, names))}")
    embedding_dim, features = tensors["fc.weight"].shape
    channels = tensors["bn2.weight"].shape[0]
    side = math.isqrt(features // channels)
    width = tensors["conv1.weight"].shape[0] / CHANNELS[0]
    return IResNetConfig(names[blocks], embedding_dim=embedding_dim, input_size=16 * side, width=width, bn_eps=bn_eps)


def _count_blocks(tensors: StateDict, stage: int) -> int:
    matches = (re.match(rf"layer{stage}\.(\d+)\.", name) for name in tensors)
    return 1 + max((int(match[1]) for match in matches if match), default=-1)


ARCFACE = Family(
    name="arcface",
    repository="https://github.com/deepinsight/insightface",
    license="non-commercial research",
    training_data="",
    preprocessing=Preprocessing(),
    flip="sum",
    unwrap=_unwrap_arcface,
    backbone=lambda tensors: _backbone(tensors, bn_eps=1e-5),
)

MAGFACE = Family(
    name="magface",
    repository="https://github.com/IrvingMeng/MagFace",
    license="see the repository",
    training_data="",
    preprocessing=Preprocessing(channel_order="BGR", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)),
    flip="none",
    unwrap=_unwrap_magface,
    backbone=lambda tensors: _backbone(tensors, bn_eps=2e-5),
)
