"""From stored image bytes to what a backbone sees.

`decode_image` gives the one shape that femb handles in between: uint8 RGB (H, W, 3). A `Preprocessing` then turns
batches of those into the backbone's own colour order, size and value range, on the device.
"""

import io
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from femb_cli.data.encoded import MAX_PIXELS
from femb_cli.errors import FembError

ALIGNED_SIZE = 112
"""Height and width of a face aligned to the ArcFace template, pixels."""


def decode_image(encoded: bytes, size: int | None = ALIGNED_SIZE, name: str = "image") -> NDArray[np.uint8]:
    """Decode to uint8 RGB, (size, size, 3), resized with antialiasing where the stored size differs.

    Greyscale is repeated, an alpha channel dropped, 16 bits reduced to their upper 8; EXIF orientation is ignored,
    as in the field's own tools.

    Args:
        encoded: JPEG, PNG, BMP, WebP ... as stored.
        size: height and width; None keeps the stored size, (H, W, 3).
        name: what to call the image in an error.

    Raises:
        FembError: the bytes are not an image, cut short, or of an absurd size.
    """
    try:
        with Image.open(io.BytesIO(encoded)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise FembError(f"{name} claims {image.width} x {image.height} pixels: more than a face needs")
            if image.mode.startswith("I;16"):
                rgb = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
            else:
                rgb = image.convert("RGB")
    except (
        UnidentifiedImageError,
        OSError,
        ValueError,
        SyntaxError,
        RuntimeError,
        Image.DecompressionBombError,
    ) as error:
        raise FembError(f"{name} is not a readable image: {error}") from error
    if size is not None and rgb.size != (size, size):
        rgb = rgb.resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(rgb)


@dataclass(frozen=True)
class Preprocessing:
    """What a backbone expects of its images; stored with every checkpoint.

    Attributes:
        input_size: height and width, pixels.
        channel_order: of the backbone's input.
        mean: subtracted per channel (in the backbone's order) from values in [0, 1].
        std: what the difference is divided by.
    """

    input_size: int = ALIGNED_SIZE
    channel_order: Literal["RGB", "BGR"] = "RGB"
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)

    def __call__(self, images_BHW3: Tensor) -> Tensor:
        """Map uint8 RGB images (B, H, W, 3) to the backbone's input (B, 3, input_size, input_size), float32."""
        images_B3HW = images_BHW3.permute(0, 3, 1, 2).float()
        if self.channel_order == "BGR":
            images_B3HW = images_B3HW.flip(1)
        if images_B3HW.shape[2:] != (self.input_size, self.input_size):
            size = (self.input_size, self.input_size)
            images_B3HW = F.interpolate(images_B3HW, size=size, mode="bilinear", antialias=True)
        mean, std = (images_B3HW.new_tensor(values)[:, None, None] for values in (self.mean, self.std))
        return (images_B3HW / 255 - mean) / std
