"""arcface_torch's vision transformer."""

import math
import re
from typing import Any

from femb_cli.backbones.vit import PATCH, SIZES
from femb_cli.checkpoints.official.files.state_dict import StateDict, length
from femb_cli.checkpoints.official.networks.architecture import Architecture
from femb_cli.config.schema import BackboneConfig, ViTConfig
from femb_cli.errors import FembError

USUAL_SIZE = 112


def _vit_config(tensors: StateDict, bn_eps: float) -> BackboneConfig:
    """Derive the ViT's size from the features and the number of blocks, the input size from the number of tokens."""
    num_tokens, features = tensors["pos_embed"].shape[-2:]
    blocks = {int(match[1]) for name in tensors if (match := re.match(r"blocks\.(\d+)\.", name))}
    names: dict[tuple[int, int], Any] = {size: name for name, size in SIZES.items()}
    if (features, len(blocks)) not in names:
        raise FembError(
            f"no ViT has {len(blocks)} blocks of {features} features: known are {', '.join(map(str, names))}"
        )
    # Patches leave out a few pixels at the border, so several input sizes give as many tokens: prefer 112.
    side = math.isqrt(num_tokens)
    input_size = USUAL_SIZE if side == USUAL_SIZE // PATCH else side * PATCH
    embedding_dim = length(tensors, "feature.3.running_mean")
    return ViTConfig(names[features, len(blocks)], embedding_dim=embedding_dim, input_size=input_size, bn_eps=bn_eps)


VIT = Architecture(
    "ViT",
    marker="feature.0.weight",
    backbones=tuple(SIZES),
    config=_vit_config,
    bn_eps=2e-5,  # arcface_torch's other networks have 1e-5
)
