"""Small random images, and operations of the augmentation on them."""

import torch

from femb_cli.config.registry import build, make
from femb_cli.config.schema import AugmentConfig
from femb_cli.data.images.augmentation import Augmentation, Draws, Operation

SIZE = 24
BYTES = torch.randint(0, 256, (7, 3, SIZE, SIZE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
IMAGES = BYTES.float()


def operation(name: str, **settings: object) -> Operation:
    """Build an operation with these settings; every image is changed unless they say otherwise."""
    return build(make(AugmentConfig, name, **{"probability": 1.0} | settings))


def change(name: str, images: torch.Tensor = IMAGES, seed: int = 0, **settings: object) -> torch.Tensor:
    """Change images by one operation; every image is changed unless the settings say otherwise."""
    return operation(name, **settings)(images, Draws(seed))


def change_by(name: str, images: torch.Tensor, *parameters: list, **settings: object) -> torch.Tensor:
    """Change images by the parameters that the operation would have drawn."""
    return operation(name, **settings).change(images, tuple(map(torch.tensor, parameters)))


def augment(*configs: str | dict, images: torch.Tensor = IMAGES, draws: Draws | None = None) -> torch.Tensor:
    """Change images by a list of operations as a configuration has it."""
    entries = [{"name": config} if isinstance(config, str) else config for config in configs]
    augmentation = Augmentation([make(AugmentConfig, **entry) for entry in entries])
    return augmentation(images, draws or Draws(0))
