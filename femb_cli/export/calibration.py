"""Read the images that calibrate an 8-bit network: on them the range of each layer's values is measured."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from femb_cli.data.images.decode import decode_image
from femb_cli.data.open import open_source
from femb_cli.data.source import ImageSource
from femb_cli.errors import FembError

MOST_IMAGES = 256
"""More images hardly change the ranges."""


def open_calibration(source: Path) -> ImageSource:
    """Open a folder, archive or dataset of images.

    Raises:
        FembError: it cannot be opened, or holds no image.
    """
    images = open_source(source)
    if not len(images):
        raise FembError(f"no images in {source} to calibrate with")
    return images


def calibration_images(source: Path, size: int) -> Tensor:
    """Read images of a folder, archive or dataset, evenly spread over it: uint8 RGB (N, size, size, 3).

    Raises:
        FembError: there are none, or one cannot be read.
    """
    images = open_calibration(source)
    rows = np.linspace(0, len(images) - 1, min(len(images), MOST_IMAGES)).round().astype(int).tolist()
    pixels = [decode_image(images.read(row), size, name=str(images.names[row])) for row in rows]
    return torch.from_numpy(np.stack(pixels))
