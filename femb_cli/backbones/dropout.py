"""The random choices of a network in training: dropped features, skipped blocks, masked tokens.

They depend on a seed and on an image's place in the batch, see `runtime/place_draws.py`, so that a run does not depend
on the number of processes.

Shapes: B images, C channels, N numbers for each image.
"""

import torch
from torch import Tensor, nn

from femb_cli.runtime.place_draws import place_keys, uniform


class PlaceDraws(nn.Module):
    """Base of the modules that draw random numbers for each image.

    Without a call of `seed_draws`, the numbers come from torch's generator.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stream = 0
        self.key_B: Tensor | None = None

    def draw(self, count: int, images: Tensor) -> Tensor:
        """Return numbers from [0, 1) for each image, float32, (B, N)."""
        key_B = torch.randint(2**32, (len(images),)) if self.key_B is None else self.key_B
        return uniform(key_B.to(images.device), count, self.stream)

    def keep(self, count: int, probability: float, images: Tensor) -> Tensor:
        """Return a factor for each of N parts of an image, (B, N): 0, with a probability, or else 1 / (1 - it)."""
        return (self.draw(count, images) >= probability).to(images.dtype) / (1 - probability)


class Dropout(PlaceDraws):
    """Set features, or whole channels, to 0 in training, and scale up the others so that their mean stays the same.

    Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov: Dropout, JMLR 2014, section 4; for channels: Tompson,
    Goroshin, Jain, LeCun, Bregler: Efficient Object Localization Using Convolutional Networks, CVPR 2015, section 3.2.

    Args:
        probability: of setting a feature or a channel to 0.
        channels: whether channels are dropped.
    """

    def __init__(self, probability: float, *, channels: bool = False) -> None:
        super().__init__()
        self.probability, self.channels = probability, channels

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape (B, C, H, W)."""
        if not self.training or not self.probability:
            return x
        kept = x.shape[:2] if self.channels else x.shape
        factor = self.keep(kept[1:].numel(), self.probability, x)
        return x * factor.view(*kept, *[1] * (x.ndim - len(kept)))


def seed_draws(network: nn.Module, seed: int, places_B: Tensor) -> None:
    """Seed what a network draws for the next batch.

    Args:
        network: any module.
        seed: of the step.
        places_B: the place of each image in the batch of all processes, int64, (B,).
    """
    key_B = place_keys(seed, places_B)
    for stream, module in enumerate(module for module in network.modules() if isinstance(module, PlaceDraws)):
        module.stream, module.key_B = stream, key_B
