"""Official weights: one reader per family, recognised by the names and shapes of its tensors."""

from femb_cli.checkpoints.official.convert import FAMILIES, convert_checkpoint

__all__ = ["FAMILIES", "convert_checkpoint"]
