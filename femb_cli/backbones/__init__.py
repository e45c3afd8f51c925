"""Backbones: images (B, 3, H, W) to raw embeddings (B, D)."""

from typing import Any

import torch

from femb_cli.backbones.backbone import Backbone
from femb_cli.config.registry import build, make
from femb_cli.config.schema import BackboneConfig


def build_backbone(name: str, **parameters: Any) -> Backbone:
    """Build a backbone with fresh weights, for example `build_backbone("iresnet18", embedding_dim=256)`.

    Args:
        name: one of `femb list backbones`.
        parameters: the fields of the backbone's dataclass in `config/schema.py`.

    Raises:
        UsageError: the name or a parameter is unknown, or a value is out of range.
    """
    return build_configured_backbone(make(BackboneConfig, name, **parameters))


def build_configured_backbone(config: BackboneConfig) -> Backbone:
    """Build the backbone that a configuration describes, with fresh weights."""
    backbone: Backbone = build(config)
    backbone.init_weights()
    return backbone


def build_empty_backbone(config: BackboneConfig) -> Backbone:
    """Build a backbone on the meta device: its tensors have shapes but no values, and take no memory."""
    with torch.device("meta"):
        return build(config)


__all__ = ["Backbone", "build_backbone", "build_configured_backbone", "build_empty_backbone"]
