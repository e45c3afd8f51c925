"""What an operation is: it chooses images, draws parameters for each of them, and changes their pixels.

Shapes: B images in this process's part of the batch, K of them that are changed, H x W pixels (H = W).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from femb_cli.data.images.augmentation.draws import Draws

Parameters = tuple[Tensor, ...]
"""What an operation has drawn: tensors on the CPU, with a row for each image."""


@dataclass(frozen=True)
class Operation(ABC):
    """Base of the operations: a subclass says what is drawn and what it does to the pixels.

    Attributes:
        probability: that an image is changed.
        keeps_bytes: whether `change` takes uint8 as well as float32, and returns what it was given.
    """

    keeps_bytes: ClassVar[bool] = False
    probability: float

    @abstractmethod
    def draw(self, draws: Draws, count: int, size: int) -> Parameters:
        """Draw the parameters of `count` images of `size` x `size` pixels."""

    @abstractmethod
    def change(self, images_K3HW: Tensor, parameters: Parameters) -> Tensor:
        """Change images by the parameters that `draw` returned for them; not in place.

        Args:
            images_K3HW: RGB, values 0 to 255; float32, or uint8 if the operation keeps bytes.
            parameters: with a row for each of these images.

        Returns:
            Images of the same shape and dtype.
        """

    def __call__(self, images_B3HW: Tensor, draws: Draws) -> Tensor:
        """Change some images of a batch.

        Args:
            images_B3HW: RGB, values 0 to 255, uint8 or float32; not changed in place.
            draws: the random numbers of this operation.

        Returns:
            Images of the same shape; uint8 if they were so and the operation keeps bytes, else float32.
        """
        if not self.keeps_bytes:
            images_B3HW = images_B3HW.float()
        count, size = len(images_B3HW), images_B3HW.shape[3]
        rows_K = draws.chosen(self.probability, count).nonzero()[:, 0]
        parameters = self.draw(draws, count, size)
        if len(rows_K) == count:
            return self.change(images_B3HW, parameters)
        if len(rows_K) == 0:
            return images_B3HW
        on_device_K = rows_K.to(images_B3HW.device)
        changed_K3HW = self.change(images_B3HW[on_device_K], tuple(parameter[rows_K] for parameter in parameters))
        return images_B3HW.index_copy(0, on_device_K, changed_K3HW)


def spread(parameter_K: Tensor, images_K3HW: Tensor) -> Tensor:
    """Return one number for each image so that it is broadcast over its pixels, on the images' device: (K, 1, 1, 1)."""
    return parameter_K.to(images_K3HW.device)[:, None, None, None]


def to_bytes(images_K3HW: Tensor) -> Tensor:
    """Round values to uint8 and clamp them to 0 to 255; uint8 stays as it is."""
    return images_K3HW if not images_K3HW.is_floating_point() else images_K3HW.round().clamp(0, 255).byte()
