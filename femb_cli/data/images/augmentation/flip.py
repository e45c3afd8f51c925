"""Mirror images."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from femb_cli.data.images.augmentation.draws import Draws
from femb_cli.data.images.augmentation.operation import Operation, Parameters


@dataclass(frozen=True)
class Flip(Operation):
    """Mirror left and right. Bytes stay bytes: a quarter of the memory to move."""

    keeps_bytes: ClassVar[bool] = True

    def draw(self, draws: Draws, count: int, size: int) -> Parameters:
        """Nothing: a mirrored image is a mirrored image."""
        return ()

    def change(self, images_K3HW: Tensor, parameters: Parameters) -> Tensor:
        """Reverse the columns."""
        return images_K3HW.flip(3)
