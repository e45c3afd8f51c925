"""Real photos of single faces."""

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from femb_cli.data.images.decode import decode_photo


def lfw_photos(shared: Path, every: int) -> dict[str, NDArray[np.uint8]]:
    """Return every so many of the photos in `lfw_raw_250_sample.zip`, uint8 RGB (250, 250, 3), by file name."""
    with zipfile.ZipFile(shared / "data/lfw_raw_250_sample.zip") as photos:
        names = sorted(name for name in photos.namelist() if name.endswith(".jpg"))[::every]
        return {name.rpartition("/")[2]: decode_photo(photos.read(name), name) for name in names}


def lfw_photo(shared: Path, name: str) -> NDArray[np.uint8]:
    """Return the photo of that file name, for example `Gene_Robinson_0003.jpg`."""
    with zipfile.ZipFile(shared / "data/lfw_raw_250_sample.zip") as photos:
        return decode_photo(photos.read(f"lfw_raw_250/{name[:-9]}/{name}"), name)


def lfw_crops(shared: Path, names: list[str]) -> NDArray[np.uint8]:
    """Return the given aligned faces of those photos, uint8 RGB (N, 112, 112, 3)."""
    with zipfile.ZipFile(shared / "data/lfw_aligned_112.zip") as crops:
        return np.stack([decode_photo(crops.read(f"lfw_aligned_112/{name[:-9]}/{name}"), name) for name in names])
