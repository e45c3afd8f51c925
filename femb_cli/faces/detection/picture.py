"""A photo made small for detection: scaled levels of it, and squares cut out of it as the input of the networks.

Coordinates are those of the picture's edges: (0, 0) is the outer corner of the first pixel, (W, H) that of the last.

Shapes: H x W pixels of the picture, N squares, S x S pixels of a network's input.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from femb_cli.faces.detection.networks import ONet, RNet


@dataclass(frozen=True)
class Squares:
    """Squares in a picture, which may be turned.

    Attributes:
        middles_N2: x and y of their middles, float64.
        sides_N: lengths of their sides, float64.
        angles_N: by how much they are turned, in radians, float64; the x axis is turned towards the y axis.
    """

    middles_N2: NDArray[np.float64]
    sides_N: NDArray[np.float64]
    angles_N: NDArray[np.float64]

    @classmethod
    def around(cls, boxes_N4: NDArray[np.float64]) -> "Squares":
        """Return upright squares around the middles of boxes, as large as their longer sides."""
        middles_N2 = (boxes_N4[:, :2] + boxes_N4[:, 2:]) / 2
        sides_N = (boxes_N4[:, 2:] - boxes_N4[:, :2]).max(axis=1, initial=0)
        return cls(middles_N2, sides_N, np.zeros(len(boxes_N4)))

    @classmethod
    def joined(cls, several: Sequence["Squares"]) -> "Squares":
        """Return the squares of several pictures, one after another."""
        return cls(
            np.concatenate([squares.middles_N2 for squares in several]),
            np.concatenate([squares.sides_N for squares in several]),
            np.concatenate([squares.angles_N for squares in several]),
        )

    def __len__(self) -> int:
        return len(self.sides_N)

    def __getitem__(self, index: NDArray[np.intp]) -> "Squares":
        return Squares(self.middles_N2[index], self.sides_N[index], self.angles_N[index])

    @property
    def boxes_N4(self) -> NDArray[np.float64]:
        """Left, top, right and bottom edge of the squares, were they not turned."""
        halves_N1 = self.sides_N[:, None] / 2
        return np.concatenate([self.middles_N2 - halves_N1, self.middles_N2 + halves_N1], axis=1)

    @property
    def axes_N22(self) -> NDArray[np.float64]:
        """The squares' two axes of length 1, a row each."""
        cosines_N, sines_N = np.cos(self.angles_N), np.sin(self.angles_N)
        return np.stack([cosines_N, sines_N, -sines_N, cosines_N], axis=1).reshape(-1, 2, 2)

    def to_picture(self, points_NP2: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map points of the squares, where (0, 0) and (1, 1) are the corners, to the picture."""
        return (points_NP2 - 0.5) * self.sides_N[:, None, None] @ self.axes_N22 + self.middles_N2[:, None]


class Picture:
    """A picture and its halves, quarters and so on, on the device of its pixels.

    Args:
        pixels_HW3: uint8 RGB.
    """

    def __init__(self, pixels_HW3: Tensor) -> None:
        self.height, self.width = pixels_HW3.shape[:2]
        # A view: in memory the colours of a pixel stay together, as torch's fastest kernels expect.
        self.pixels_13HW = pixels_HW3.permute(2, 0, 1)[None]
        self._halves: list[Tensor] = [self.pixels_13HW]
        self._inputs: dict[int, Tensor] = {}

    def turned(self, quarters: int) -> "Picture":
        """Return the picture turned counter-clockwise by quarters of a circle."""
        return Picture(self.pixels_13HW[0].rot90(quarters, (1, 2)).permute(1, 2, 0).contiguous())

    def scaled(self, scale: float) -> Tensor:
        """Return the whole picture at another scale, uint8 RGB, (1, 3, H * scale, W * scale)."""
        return shrink(self.pixels_13HW, max(round(self.height * scale), 1), max(round(self.width * scale), 1))

    def cut(self, squares: Squares, grids_NSS2: Tensor) -> Tensor:
        """Cut squares out of the picture, as a network's input (N, 3, S, S). What lies beyond the picture is grey.

        A square is interpolated from the smallest of the halves that still has its resolution.

        Args:
            squares: the squares.
            grids_NSS2: where each pixel of them lies, see `pixel_grids`.
        """
        size = grids_NSS2.shape[1]
        halvings_N = np.log2(np.maximum(squares.sides_N / size, 1)).astype(int)
        inputs_N3SS = self.pixels_13HW.new_empty((len(squares), 3, size, size), dtype=torch.float32)
        for halvings in np.unique(halvings_N):
            chosen = np.flatnonzero(halvings_N == halvings)
            # As one tall image, because grid_sample would need a copy of the picture for every square.
            grid_1HW2 = grids_NSS2[chosen].reshape(1, -1, size, 2)
            cut_13HW = F.grid_sample(self._input(int(halvings)), grid_1HW2, align_corners=False)
            inputs_N3SS[chosen] = cut_13HW.reshape(3, len(chosen), size, size).transpose(0, 1)
        return inputs_N3SS

    def _input(self, halvings: int) -> Tensor:
        """Return the picture after so many halvings of its sides, or as many as it allows, as a network's input."""
        while len(self._halves) <= halvings and min(self._halves[-1].shape[2:]) > 1:
            height, width = self._halves[-1].shape[2:]
            self._halves.append(shrink(self._halves[-1], (height + 1) // 2, (width + 1) // 2))
        halvings = min(halvings, len(self._halves) - 1)
        if halvings not in self._inputs:
            self._inputs[halvings] = normalise(self._halves[halvings])
        return self._inputs[halvings]


def normalise(pixels_13HW: Tensor) -> Tensor:
    """Map uint8 values to the networks' -1 to 1."""
    return (pixels_13HW.float() - 127.5) / 128


def shrink(pixels_13HW: Tensor, height: int, width: int) -> Tensor:
    """Resize uint8 images bilinearly, with antialiasing; on a GPU in float32, rounded, because it knows no uint8."""
    if pixels_13HW.shape[2:] == (height, width):
        return pixels_13HW
    pixels_13HW = pixels_13HW.float() if pixels_13HW.is_cuda else pixels_13HW
    small_13HW = F.interpolate(pixels_13HW, size=(height, width), mode="bilinear", antialias=True)
    return small_13HW.round().byte() if small_13HW.is_floating_point() else small_13HW


def pixel_grids(pictures: Sequence[Picture], squares: Sequence[Squares], size: int) -> Sequence[Tensor]:
    """Return where each pixel of each picture's squares lies, (N, S, S, 2): -1 and 1 are the picture's edges."""
    numbers = [len(of_picture) for of_picture in squares]
    scales_N2 = np.repeat([(2 / picture.width, 2 / picture.height) for picture in pictures], numbers, axis=0)
    of_all = Squares.joined(squares)
    axes_N22 = of_all.axes_N22 * of_all.sides_N[:, None, None] * scales_N2[:, None]
    middles_N2 = of_all.middles_N2 * scales_N2 - 1
    centres_S = (torch.arange(size) + 0.5) / size - 0.5
    points_P2 = torch.stack(torch.meshgrid(centres_S, centres_S, indexing="xy"), dim=2).reshape(-1, 2)
    grids_NP2 = torch.from_numpy(middles_N2).float()[:, None] + points_P2 @ torch.from_numpy(axes_N22).float()
    return grids_NP2.reshape(-1, size, size, 2).to(pictures[0].pixels_13HW.device).split(numbers)


def look_at(
    network: RNet | ONet, pictures: Sequence[Picture], squares: Sequence[Squares]
) -> list[tuple[NDArray[np.float64], ...]]:
    """Run a network on the squares of all pictures in one batch; return its outputs for each picture, float64."""
    grids = pixel_grids(pictures, squares, network.input_size)
    cuts = [picture.cut(*cut) for picture, cut in zip(pictures, zip(squares, grids, strict=True), strict=True)]
    ends = np.cumsum([len(of_picture) for of_picture in squares])[:-1]
    outputs = (output.double().numpy(force=True) for output in network(torch.cat(cuts)))
    return list(zip(*(np.split(output, ends) for output in outputs), strict=True))
