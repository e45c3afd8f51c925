"""One image in any of the forms that a program has it in: a path, a file's bytes, an image of Pillow, or pixels."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from femb_cli.data.files.folder import read_file
from femb_cli.data.images.decode import decode_image, decode_photo, to_rgb
from femb_cli.data.images.picture import RefusedPicture, open_picture, why_unreadable
from femb_cli.errors import FembError

OneImage = str | Path | bytes | bytearray | memoryview | Image.Image | NDArray[np.uint8] | Tensor
"""A path, the bytes of a file, an image of Pillow, or uint8 RGB pixels (H, W, 3)."""

Content = TypeVar("Content", Image.Image, NDArray[np.uint8])

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
            FembError: the file cannot be read, or the pixels have another shape or type, or there are none.
        """
        if isinstance(image, str | Path):
            return cls(str(image), _read(image))
        if isinstance(image, bytes | bytearray | memoryview):
            return cls("the image", bytes(image))
        if isinstance(image, Image.Image):
            return cls(str(getattr(image, "filename", "") or "the image"), _not_empty(image, image.size))
        if isinstance(image, np.ndarray | Tensor):
            return cls("the image", _checked(image))
        raise not_an_image(image)

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
            raise FembError(f"{self.name} is not a readable image: {why_unreadable(error, self.content)}") from error

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
        rgb = self._to_rgb(image)
        return np.array(rgb if size in (None, *rgb.size) else rgb.resize((size, size), Image.Resampling.BICUBIC))

    def as_photo(self) -> NDArray[np.uint8]:
        """Decode a photo, uint8 RGB (H, W, 3), turned by its EXIF orientation.

        Raises:
            FembError: the file is no image, or it is damaged.
        """
        if isinstance(self.content, np.ndarray):
            return self.content
        if isinstance(self.content, Image.Image):
            return np.array(self._to_rgb(self.content))
        return decode_photo(self.content, self.name)

    def _to_rgb(self, image: Image.Image) -> Image.Image:
        try:
            return to_rgb(image, upright=True)
        except FembError:
            raise
        # An image of Pillow is decoded here: its file may be damaged or closed.
        except Exception as error:
            raise FembError(f"{self.name} is not a readable image: {why_unreadable(error, b'')}") from error


def is_one_image(images: object) -> bool:
    """Whether a value is one image; else it is a batch of pixels, or several images.

    Raises:
        FembError: it is neither.
    """
    if isinstance(images, np.ndarray | Tensor):
        return images.ndim == 3
    if isinstance(images, str | Path | bytes | bytearray | memoryview | Image.Image):
        return True
    if not isinstance(images, Iterable) or hasattr(images, "read"):
        raise not_an_image(images)
    return False


def not_an_image(image: object) -> FembError:
    """Return the error for a value that is no image in any form."""
    return FembError(
        f"an image is a path, bytes, an image of Pillow, an array or a tensor, not {type(image).__name__}",
        hint="of an open file give the bytes, file.read()" if hasattr(image, "read") else None,
    )


def _read(path: str | Path) -> bytes:
    if "\0" in str(path):
        raise FembError(f"{str(path)!r} is not a path: it has a zero byte", hint="give the bytes of a file as bytes")
    return read_file(Path(path))


def _checked(image: NDArray[np.uint8] | Tensor) -> NDArray[np.uint8]:
    pixels_HW3: NDArray[np.uint8] = image.detach().cpu().numpy() if isinstance(image, Tensor) else image
    if pixels_HW3.dtype != np.uint8 or pixels_HW3.ndim != 3 or pixels_HW3.shape[2] != 3:
        raise FembError(
            f"one image is uint8, RGB, of shape (H, W, 3), not {pixels_HW3.dtype} {tuple(pixels_HW3.shape)}",
            hint="several are uint8 images of shape (B, H, W, 3), or a list",
        )
    return _not_empty(pixels_HW3, pixels_HW3.shape[1::-1])


def _not_empty(image: Content, size: tuple[int, ...]) -> Content:
    """Return an image that has pixels; `size` is its width and height.

    Raises:
        FembError: it has none.
    """
    if 0 in size:
        raise FembError(f"the image has no pixels: it is {size[0]} x {size[1]}")
    return image
