"""Count the floating-point operations of training.

The backward pass takes twice the forward pass's: one product for the gradient of the input and one for that of the
weights (Chowdhery et al.: PaLM, 2022, appendix B).
"""

from femb_cli.backbones.operations import operations_to_embed
from femb_cli.config.schema import BackboneConfig

BACKWARD = 2


def operations_of_an_image(config: BackboneConfig) -> int:
    """Return the operations with which a network of this kind trains on one image; nothing is computed for it."""
    return (1 + BACKWARD) * operations_to_embed(config)
