"""Official weights: recognised by the names and shapes of their tensors, converted to femb checkpoints and back."""

from femb_cli.checkpoints.official.convert import convert_checkpoint, is_remote, read_official
from femb_cli.checkpoints.official.families import FAMILIES

__all__ = ["FAMILIES", "convert_checkpoint", "is_remote", "read_official"]
