"""A head to paint on: an ellipsoid seen orthographically under a pose and a light.

Each pixel's ray meets the ellipsoid in a point. The pose turns this point back into canonical coordinates: x to the
image's right, y down, z towards the camera, in halves of the image's width. A frontal head fills [-1, 1]. A shape is
painted where a signed distance is negative, with a soft edge. Lambert's law gives the brightness.

Shapes: *H* rows and *W* columns of the image, 3 colours RGB in [0, 1]. Points of the image plane are complex numbers.
"""

import cmath
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Colour = tuple[float, float, float]


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Return a colour between two; `share` is that of the second, from 0 to 1."""
    red, green, blue = (a + share * (b - a) for a, b in zip(first, second, strict=True))
    return red, green, blue


def column(colour: Colour) -> Floats:
    """Return a colour as float32, (3, 1, 1), which broadcasts over an image."""
    return np.array(colour, np.float32)[:, None, None]


def cover(distance: Floats, softness: float) -> Floats:
    """Return 1 where the signed distance is negative, 0 where it is positive, and linear values over `softness`."""
    return np.minimum(np.maximum(0.5 - distance * (1 / softness), 0), 1)


def lay(colours_3HW: Floats, colour: Colour, cover_HW: Floats) -> None:
    """Paint one colour over an image, in place, as far as the cover is 1."""
    change_3HW = column(colour) - colours_3HW
    change_3HW *= cover_HW
    colours_3HW += change_3HW


@dataclass(frozen=True)
class Patch:
    """A window around a feature of the head: coordinates from its centre, and views of the layers in the window."""

    x: Floats
    y: Floats
    albedo: Floats
    relief: Floats
    light: list[float]
    pixel: float

    def paint(self, distance: Floats, colour: Colour, opacity: float = 1.0, softness: float = 1.5) -> None:
        """Paint a colour where the signed distance is negative; the edge is `softness` pixels wide."""
        lay(self.albedo, colour, cover(distance, softness * self.pixel) * opacity)

    def raise_bump(self, width: float, height: float, relief: float) -> None:
        """Add a Gaussian bump, or a hollow if `relief` is negative; it is brighter on top and towards the light."""
        bump = relief * np.exp(-0.5 * ((self.x / width) ** 2 + (self.y / height) ** 2))
        self.relief[:] += bump * (2 + self.x * (self.light[0] / width**2) + self.y * (self.light[1] / height**2))


class Canvas:
    """The visible surface of a head, and the paint on it.

    Attributes:
        u, v: Coordinates of each pixel in the upright image plane, centred on the head, (H, W).
        x, y, z: Canonical coordinates of the surface point at each pixel, (H, W).
        coverage: 1 on the head, 0 beside it, (H, W).
        albedo: Colour of the surface, (3, H, W).
        relief: What small shapes add to the cosine between the normal and the light, (H, W).
    """

    def __init__(
        self,
        size: int,
        *,
        axes: tuple[float, float, float],
        tapers: tuple[float, float],
        anchor: tuple[float, float],
        pose: tuple[float, float, float],
        lamp: tuple[float, float],
        zoom: float,
        shift: complex,
    ) -> None:
        """Project the head under a pose and a light.

        Args:
            size: Height and width of the image in pixels.
            axes: Half the width, the height and the depth of the ellipsoid.
            tapers: How much narrower than the ellipsoid the head is at the chin and at the crown, as a share.
            anchor: The point (x, y) of the face whose place in the image does not depend on the pose.
            pose: Yaw (positive: the nose points to the right), pitch (down) and roll (clockwise), in degrees.
            lamp: Azimuth (positive: from the right) and elevation of the light, in degrees.
            zoom: Factor by which the head is enlarged.
            shift: Offset of the anchor from its place.
        """
        yaw, pitch, roll = pose
        turn = _rotation(yaw, pitch)
        self.size, self.axes, self.tapers = size, axes, tapers
        self.turn: list[list[float]] = turn.tolist()
        self.quadric: list[list[float]] = (turn / np.square(axes) @ turn.T).tolist()
        self.light: list[float] = (turn.T @ _direction(*lamp)).tolist()
        self.similarity = cmath.rect(zoom, math.radians(roll))
        self.image_centre = complex(*anchor) + shift
        self.plane_centre = self._project(*anchor)
        self._intersect()
        self.albedo = np.empty((3, size, size), np.float32)
        self.relief = np.zeros((size, size), np.float32)

    def _taper(self, v: Floats | float) -> Floats:
        """Return the factor by which the outline is narrower than the ellipsoid's at height v, at jaw and forehead."""
        below, above = np.maximum(v, 0), np.minimum(v, 0)
        jaw, forehead = self.tapers
        return 1 + jaw * below * below + forehead * above * above

    def _project(self, x: float, y: float) -> complex:
        """Return the place in the plane, u + iv, of the face's point that a frontal camera sees at (x, y)."""
        width, height, depth = self.axes
        z = depth * math.sqrt(max(0.0, 1 - (x / width) ** 2 - (y / height) ** 2))
        u, v = (a * x + b * y + c * z for a, b, c in self.turn[:2])
        return complex(u / float(self._taper(v)), v)

    def _intersect(self) -> None:
        """Find the point where each pixel's ray (u, v, w) meets the ellipsoid: a quadratic in w."""
        across, down = _grid(self.size)
        inverse = 1 / self.similarity
        offset = self.plane_centre - inverse * self.image_centre
        self.u = inverse.real * across - inverse.imag * down + offset.real
        self.v = inverse.imag * across + inverse.real * down + offset.imag
        u, v = self.u * self._taper(self.v), self.v
        (uu, uv, uw), (_, vv, vw), (_, _, ww) = self.quadric
        half = uw * u + vw * v
        discriminant = half * half - ww * (uu * u * u + 2 * uv * u * v + vv * v * v - 1)
        w = (np.sqrt(np.maximum(discriminant, 0)) - half) / ww
        self.coverage = cover(-discriminant, 8 / self.size)
        self.x, self.y, self.z = (a * u + b * v + c * w for a, b, c in zip(*self.turn, strict=True))

    def patch(self, x: float, y: float, reach: float) -> Patch:
        """Return the square window that shows the face within `reach` of the canonical point (x, y)."""
        centre = self.similarity * (self._project(x, y) - self.plane_centre) + self.image_centre
        left, right = (self._clamp(centre.real + end) for end in (-reach, reach))
        top, bottom = (self._clamp(centre.imag + end) for end in (-reach, reach))
        part = np.s_[..., top:bottom, left:right]
        x_HW, y_HW = self.x[part] - x, self.y[part] - y
        return Patch(x_HW, y_HW, self.albedo[part], self.relief[part], self.light, pixel=2 / self.size)

    def _clamp(self, coordinate: float) -> int:
        """Return the pixel at an image coordinate, or the nearest one in the image."""
        return min(max(round((coordinate + 1) * self.size / 2), 0), self.size)

    def shade(self, hardness: float) -> Floats:
        """Return the brightness of the surface, (H, W): Lambert's law with a soft terminator, plus ambient light.

        Args:
            hardness: Share of the light that comes from the lamp, from 0 to 1.
        """
        nx, ny, nz = (part * axis**-2 for part, axis in zip((self.x, self.y, self.z), self.axes, strict=True))
        lx, ly, lz = self.light
        cosine = (nx * lx + ny * ly + nz * lz) / np.sqrt(nx * nx + ny * ny + nz * nz) + self.relief
        return 1.08 - hardness + hardness * np.maximum(0.25 + 0.75 * cosine, 0)


def _rotation(yaw: float, pitch: float) -> NDArray[np.float64]:
    """Return the matrix (3, 3) that turns canonical coordinates into the camera's; angles in degrees."""
    cos_yaw, sin_yaw = math.cos(math.radians(yaw)), math.sin(math.radians(yaw))
    cos_pitch, sin_pitch = math.cos(math.radians(pitch)), math.sin(math.radians(pitch))
    turn_yaw = np.array([[cos_yaw, 0, sin_yaw], [0, 1, 0], [-sin_yaw, 0, cos_yaw]])
    turn_pitch = np.array([[1, 0, 0], [0, cos_pitch, sin_pitch], [0, -sin_pitch, cos_pitch]])
    return turn_yaw @ turn_pitch


def _direction(azimuth: float, elevation: float) -> NDArray[np.float64]:
    """Return the unit vector (3,) from the head to the lamp, in the camera's coordinates; angles in degrees."""
    azimuth, elevation = math.radians(azimuth), math.radians(elevation)
    level = math.cos(elevation)
    return np.array([level * math.sin(azimuth), -math.sin(elevation), level * math.cos(azimuth)])


@lru_cache(maxsize=8)
def _grid(size: int) -> tuple[Floats, Floats]:
    """Return the coordinates of the pixels' centres in [-1, 1]: a row (1, W) and a column (H, 1)."""
    ticks = ((np.arange(size) + 0.5) * (2 / size) - 1).astype(np.float32)
    return ticks[None, :], ticks[:, None]
