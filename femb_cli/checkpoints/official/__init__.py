"""Official weights, recognised by the names and shapes of their tensors, as femb checkpoints."""

from femb_cli.checkpoints.official.convert import convert_checkpoint
from femb_cli.checkpoints.official.families import FAMILIES

__all__ = ["FAMILIES", "convert_checkpoint"]
