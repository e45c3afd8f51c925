"""Count the floating-point operations of a network.

A multiplication and an addition are two. In training the backward pass takes twice the forward pass's: one product for
the gradient of the input and one for that of the weights (Chowdhery et al.: PaLM, 2022, appendix B).
"""

import torch
from torch.utils.flop_counter import FlopCounterMode

from femb_cli.backbones import build_empty_backbone
from femb_cli.config.schema import BackboneConfig

BACKWARD = 2


def operations_of_an_image(config: BackboneConfig) -> int:
    """Return the operations with which a network of this kind trains on one image; nothing is computed for it."""
    backbone = build_empty_backbone(config).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        backbone(torch.empty(1, 3, config.input_size, config.input_size, device="meta"))
    return (1 + BACKWARD) * counter.get_total_flops()
