"""Count the floating-point operations of a network; a multiplication and an addition are two."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from femb_cli.backbones import build_empty_backbone
from femb_cli.config.schema import BackboneConfig


def operations_to_embed(config: BackboneConfig) -> int:
    """Return the operations with which a network of this kind embeds one image; nothing is computed for it."""
    backbone = build_empty_backbone(config).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        backbone(torch.empty(1, 3, config.input_size, config.input_size, device="meta"))
    return counter.get_total_flops()
