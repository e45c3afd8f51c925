"""Change the colours of images: light, contrast and saturation; hue; grey."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from femb_cli.data.images.augmentation.draws import Draws
from femb_cli.data.images.augmentation.operation import Operation, Parameters, spread

MID_GREY = 127.5
"""Middle of the range of values."""
DARKEST, BRIGHTEST = -0.5 * MID_GREY, 2.5 * MID_GREY
"""Limits of what `Colour` returns: it may exceed the range by a quarter of its width."""
LUMA = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in the brightness (ITU-R BT.601), as in torchvision and DALI."""
RGB_TO_YIQ = (LUMA, (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))
"""From a colour to its brightness and two differences of colour (NTSC)."""


@dataclass(frozen=True)
class Colour(Operation):
    """Change brightness, the direction of the light, contrast and saturation, and clamp only beyond the range.

    Attributes:
        strength: largest change of each, as a natural logarithm or, of the light, as a fraction of mid-grey.
    """

    strength: float

    def draw(self, draws: Draws, count: int, size: int) -> Parameters:
        """Brightness and slope of the light, factors of contrast and saturation: (K,) each."""
        most = self.strength
        return (
            draws.between(-most, most, count),
            draws.between(-most, most, count),
            draws.between(-most, most, count).exp(),
            draws.between(-1.5 * most, 1.5 * most, count).exp(),
        )

    def change(self, images_K3HW: Tensor, parameters: Parameters) -> Tensor:
        """Scale the distance to the grey of each pixel, then that to mid-grey, and add light that differs by column."""
        light_K, slope_K, contrast_K, saturation_K = parameters
        grey_K1HW = images_K3HW.mean(1, keepdim=True)
        images_K3HW = grey_K1HW + (images_K3HW - grey_K1HW) * spread(saturation_K, images_K3HW)
        across_W = torch.linspace(-1, 1, images_K3HW.shape[3])
        # Contrast c maps x to c (x - grey) + grey, that is c x + (1 - c) grey; light adds to the second term.
        light_KW = MID_GREY * (light_K[:, None] + slope_K[:, None] * across_W + 1 - contrast_K[:, None])
        light_K11W = light_KW.to(images_K3HW.device)[:, None, None, :]
        return (images_K3HW * spread(contrast_K, images_K3HW) + light_K11W).clamp(DARKEST, BRIGHTEST)


@dataclass(frozen=True)
class Grey(Operation):
    """Give all three channels the weighted mean of the three.

    Attributes:
        weights: of red, green and blue; divided by their sum.
    """

    weights: tuple[float, float, float]

    def draw(self, draws: Draws, count: int, size: int) -> Parameters:
        """Nothing: a grey image is a grey image."""
        return ()

    def change(self, images_K3HW: Tensor, parameters: Parameters) -> Tensor:
        """Weigh the channels."""
        return weigh(images_K3HW, self.weights).expand_as(images_K3HW)


@dataclass(frozen=True)
class HSV(Operation):
    """Turn the hue and scale the saturation, without a change of brightness, as DALI's operator of this name.

    It is a linear map of the colours, in the coordinates brightness and two differences of colour (YIQ), and cheaper
    than the way through the cone of hue, saturation and value that torchvision's `adjust_hue` goes.

    Attributes:
        hue: smallest and largest angle, degrees, from red towards yellow.
        saturation: smallest and largest factor.
    """

    hue: tuple[float, float]
    saturation: tuple[float, float]

    def draw(self, draws: Draws, count: int, size: int) -> Parameters:
        """Angle in radians and factor: (K,), (K,)."""
        low, high = self.hue
        return draws.between(math.radians(low), math.radians(high), count), draws.between(*self.saturation, count)

    def change(self, images_K3HW: Tensor, parameters: Parameters) -> Tensor:
        """Multiply every pixel by a 3 x 3 matrix."""
        angle_K, factor_K = parameters
        to_yiq_33 = torch.tensor(RGB_TO_YIQ)
        turn_K33 = torch.zeros(len(angle_K), 3, 3)
        turn_K33[:, 0, 0] = 1
        turn_K33[:, 1, 1] = turn_K33[:, 2, 2] = factor_K * angle_K.cos()
        turn_K33[:, 1, 2] = factor_K * angle_K.sin()
        turn_K33[:, 2, 1] = -turn_K33[:, 1, 2]
        matrix_K33 = (torch.linalg.inv(to_yiq_33) @ turn_K33 @ to_yiq_33).to(images_K3HW)
        return torch.einsum("kij,kjhw->kihw", matrix_K33, images_K3HW).clamp(0, 255)


def weigh(images_K3HW: Tensor, weights: tuple[float, float, float] = LUMA) -> Tensor:
    """Return the weighted mean of the channels, by default the brightness: (K, 1, H, W)."""
    red, green, blue = (weight / sum(weights) for weight in weights)
    return red * images_K3HW[:, 0:1] + green * images_K3HW[:, 1:2] + blue * images_K3HW[:, 2:3]
