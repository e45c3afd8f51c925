"""One image in any of the forms that a program has it in: a path, a file's bytes, an image of Pillow, or pixels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from femb_cli.data.images.decode import decode_image, decode_photo, to_rgb
from femb_cli.data.images.picture import RefusedPicture, open_picture
from femb_cli.errors import FembError

OneImage = str | Path | bytes | Image.Image | NDArray[np.uint8] | Tensor
"""A path, the bytes of a file, an image of Pillow, or uint8 RGB pixels (H, W, 3)."""

SeveralImages = Sequence[OneImage] | Iterator[OneImage]
"""A list of images of any forms, or what yields them one after the other."""


@dataclass(frozen=True, eq=False)
class ImageInput:
    """An image that has been read, but not decoded yet.

    Attributes:
        name: what to call it in messages.
        content: a file's bytes, an image of Pillow, or uint8 RGB pixels (H, W, 3).
    """

    name: str
    content: bytes | Image.Image | NDArray[np.uint8]

    @classmethod
    def of(cls, image: OneImage) -> "ImageInput":
        """Read an image.

        Raises:
            FembError: the file cannot be read, or the pixels have another shape or type.
        """
        if isinstance(image, str | Path):
            return cls(str(image), _read(Path(image)))
        if isinstance(image, bytes | Image.Image):
            return cls(str(getattr(image, "filename", "") or "the image"), image)
        if isinstance(image, np.ndarray | Tensor):
            return cls("the image", _checked(image))
        raise FembError(
            f"an image is a path, bytes, an image of Pillow, an array or a tensor, not {type(image).__name__}"
        )

    def size(self) -> tuple[int, int]:
        """Return the stored width and height in pixels; of a file only the header is read.

        Raises:
            FembError: the file is no image.
        """
        if isinstance(self.content, np.ndarray):
            return self.content.shape[1], self.content.shape[0]
        if isinstance(self.content, Image.Image):
            return self.content.size
        try:
            with open_picture(self.content) as header:
                return header.size
        except RefusedPicture as refusal:
            raise FembError(f"{self.name} {refusal}") from refusal
        # Pillow's decoders raise many kinds of exceptions on damaged files.
        except Exception as error:
            raise FembError(f"{self.name} is not a readable image: {error}") from error

    def as_aligned(self, size: int | None) -> NDArray[np.uint8]:
        """Decode an aligned face, uint8 RGB: (size, size, 3), or (H, W, 3) as stored with `size` None.

        Raises:
            FembError: the file is no image, or it is damaged.
        """
        if isinstance(self.content, bytes):
            return np.array(
                decode_image(self.content, size, self.name, upright=True)
            )  # torch wants an array that can be written to
        image = Image.fromarray(self.content) if isinstance(self.content, np.ndarray) else self.content
        rgb = to_rgb(image, upright=True)
        return np.array(rgb if size in (None, *rgb.size) else rgb.resize((size, size), Image.Resampling.BICUBIC))

    def as_photo(self) -> NDArray[np.uint8]:
        """Decode a photo, uint8 RGB (H, W, 3), turned by its EXIF orientation.

        Raises:
            FembError: the file is no image, or it is damaged.
        """
        if isinstance(self.content, np.ndarray):
            return self.content
        if isinstance(self.content, Image.Image):
            return np.array(to_rgb(self.content, upright=True))
        return decode_photo(self.content, self.name)


def is_one_image(images: object) -> bool:
    """Whether a value is one image; else it is a batch of pixels, or several images."""
    if isinstance(images, np.ndarray | Tensor):
        return images.ndim == 3
    return isinstance(images, str | Path | bytes | Image.Image)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FembError(f"cannot read {path}: {error.strerror}") from error


def _checked(image: NDArray[np.uint8] | Tensor) -> NDArray[np.uint8]:
    pixels_HW3: NDArray[np.uint8] = image.cpu().numpy() if isinstance(image, Tensor) else image
    if pixels_HW3.dtype != np.uint8 or pixels_HW3.ndim != 3 or pixels_HW3.shape[2] != 3:
        raise FembError(
            f"one image is uint8, RGB, of shape (H, W, 3), not {pixels_HW3.dtype} {tuple(pixels_HW3.shape)}",
            hint="several are uint8 images of shape (B, H, W, 3), or a list",
        )
    return pixels_HW3
