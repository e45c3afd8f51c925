"""The vision transformers of arcface_torch, CVLface (patches of 8 pixels) and TransFace (a gate over the tokens)."""

import math
import re
from typing import Any

import torch
from torch import Tensor

from femb_cli.backbones.vit import SIZES
from femb_cli.checkpoints.official.files.state_dict import StateDict, length
from femb_cli.checkpoints.official.networks.architecture import Architecture
from femb_cli.config.schema import BackboneConfig, ViTConfig
from femb_cli.errors import FembError

USUAL_SIZE = 112
TOKEN_GATE = "senet.0.weight"
"""A tensor that only TransFace's networks have."""


def _vit_config(tensors: StateDict, bn_eps: float) -> BackboneConfig:
    """Derive the ViT's size from the layers' shapes and the number of blocks, the input size from the tokens."""
    num_tokens, features = tensors["pos_embed"].shape[-2:]
    depth = len({int(match[1]) for name in tensors if (match := re.match(r"blocks\.(\d+)\.", name))})
    patch = tensors["patch_embed.proj.weight"].shape[-1]
    expansion = length(tensors, "blocks.0.mlp.fc1.weight") // features
    found = (features, depth, expansion, patch)
    names: dict[tuple[int, ...], Any] = {
        (size.features, size.depth, size.expansion, size.patch): name for name, size in SIZES.items()
    }
    if found not in names:
        known = ", ".join(f"{name} ({size.features}, {size.depth})" for name, size in SIZES.items())
        raise FembError(
            f"no ViT has {depth} blocks of {features} features with a hidden layer of {expansion * features} and"
            f" patches of {patch} pixels: known are, by features and blocks, {known}"
        )
    # Patches may leave out a few pixels at the border, so several input sizes give as many tokens: prefer 112.
    side = math.isqrt(num_tokens)
    return ViTConfig(
        names[found],
        embedding_dim=length(tensors, "feature.3.running_mean"),
        input_size=USUAL_SIZE if side == USUAL_SIZE // patch else side * patch,
        weighs_tokens=TOKEN_GATE in tensors,
        bn_eps=bn_eps,
    )


def _with_mask_token(tensors: StateDict, bn_eps: float) -> dict[str, Tensor]:
    """Add the mask token, which CVLface's networks lack if they were trained without masking; only training uses it."""
    return {"mask_token": torch.zeros(1, 1, tensors["pos_embed"].shape[-1]), **tensors}


VIT = Architecture(
    "ViT",
    marker="feature.0.weight",
    backbones=tuple(name for name, size in SIZES.items() if size.patch == 9),
    config=_vit_config,
    bn_eps=2e-5,  # arcface_torch's other networks have 1e-5
)
SMALL_PATCH_VIT = Architecture(
    "ViT with patches of 8 pixels",
    marker="feature.0.weight",
    backbones=tuple(name for name, size in SIZES.items() if size.patch == 8),
    config=_vit_config,
    rename=_with_mask_token,
    bn_eps=2e-5,
    fits=lambda tensors: "patch_embed.proj.weight" in tensors and tensors["patch_embed.proj.weight"].shape[-1] == 8,
)
GATED_VIT = Architecture(
    "ViT with a gate over its tokens", marker=TOKEN_GATE, backbones=VIT.backbones, config=_vit_config, bn_eps=2e-5
)
