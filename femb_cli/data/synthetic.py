"""Procedural faces: photographs of people who do not exist, drawn from formulae.

A face is a function from canonical head coordinates to a colour. A photograph is an ellipsoid seen orthographically
under a pose and a light: each pixel's ray meets the ellipsoid, the point is turned back by the pose into canonical
coordinates, painted by soft-edged signed distances and shaded by Lambert's law. Optics, sensor and JPEG come after.

Canonical coordinates: x to the image's right, y down, z towards the camera, in halves of the image's width, so that
a frontal face fills [-1, 1] and has its eyes, nose and mouth where the 112 x 112 template of ArcFace has them.
"""

import cmath
import io
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Floats = NDArray[np.float32]
Colour = tuple[float, float, float]

HEAD_DEPTH = 0.85
EYE_Y = -0.07
NOSE_Y = 0.28
MOUTH_Y = 0.64
KEY_LIGHT_ELEVATION = 30.0
BEST_JPEG_QUALITY = 95


@dataclass(frozen=True)
class Identity:
    """What all photographs of a person share; lengths in halves of the image's width, colours RGB in [0, 1]."""

    head_width: float
    head_height: float
    jaw_taper: float
    forehead_taper: float
    skin: Colour
    eye_spacing: float
    eye_width: float
    eye_height: float
    eye_slant: float
    iris: Colour
    brow_gap: float
    brow_length: float
    brow_thickness: float
    brow_slope: float
    brow_arch: float
    nose_width: float
    nose_length: float
    nose_relief: float
    cheek_relief: float
    mouth_width: float
    mouth_height: float
    mouth_curve: float
    upper_lip: float
    lower_lip: float
    lip: Colour
    hair: Colour
    hairline: float
    hairline_curve: float
    parting: float
    hair_volume: float
    hair_length: float
    beard: float
    mole: tuple[float, float]
    mole_opacity: float


@dataclass(frozen=True)
class Nuisance:
    """What differs between two photographs of a person; the defaults are a flawless passport photograph.

    Attributes:
        yaw: degrees, positive when the nose points to the image's right.
        pitch: degrees, positive when the nose points down.
        roll: degrees, clockwise in the image.
        light_azimuth: degrees, positive when the light comes from the image's right.
        light_elevation: degrees above the usual height of a lamp.
        light_hardness: share of the light that comes from one direction, beyond the usual share; from 0 to 1.
        mouth_open: from 0 (closed) to 1.
        smile: from -1 (corners down) to 1.
        brow_raise: from -1 (frown) to 1.
        squint: from 0 (eyes open) to 1.
        glasses: opacity of a spectacle frame, from 0 (none) to 1.
        shift_x: error of the alignment to the right, in halves of the image's width.
        shift_y: error of the alignment downwards, likewise.
        zoom: error of the alignment in size; the face grows by the factor exp(zoom).
        exposure: stops; the image brightens by the factor 2 ** exposure.
        warmth: colour cast, from -1 (blue) to 1 (orange).
        blur: standard deviation of the optical blur, in per cent of the image's width.
        resolution_loss: octaves of resolution lost: 1 stands for half as many pixels across, 2 for a quarter.
        noise: standard deviation of the sensor's noise; white is 1.
        jpeg_loss: steps below JPEG quality 95, from 0 to 94.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    light_azimuth: float = 0.0
    light_elevation: float = 0.0
    light_hardness: float = 0.0
    mouth_open: float = 0.0
    smile: float = 0.0
    brow_raise: float = 0.0
    squint: float = 0.0
    glasses: float = 0.0
    shift_x: float = 0.0
    shift_y: float = 0.0
    zoom: float = 0.0
    exposure: float = 0.0
    warmth: float = 0.0
    blur: float = 0.0
    resolution_loss: float = 0.0
    noise: float = 0.0
    jpeg_loss: float = 0.0

    @property
    def quality(self) -> float:
        """In [0, 1]: 1 for a flawless photograph, falling as any nuisance grows in size."""
        burden = sum((getattr(self, name) / tolerance) ** 2 for name, tolerance in TOLERANCES.items())
        return math.exp(-burden / 2)


TOLERANCES = {
    "yaw": 40.0, "pitch": 25.0, "roll": 30.0, "light_azimuth": 90.0, "light_elevation": 60.0, "light_hardness": 1.0,
    "mouth_open": 2.0, "smile": 3.0, "brow_raise": 3.0, "squint": 2.0, "glasses": 2.0, "shift_x": 0.15,
    "shift_y": 0.15, "zoom": 0.2, "exposure": 2.0, "warmth": 2.0, "blur": 2.0, "resolution_loss": 2.0,
    "noise": 0.12, "jpeg_loss": 90.0,
}  # fmt: skip
"""The size at which a nuisance, alone, takes the quality down to exp(-1/2)."""


@dataclass(frozen=True)
class Photograph:
    """An encoded photograph of a procedural face.

    Attributes:
        jpeg: the bytes of a JPEG file.
        quality: how easy the face is to recognise, in [0, 1].
    """

    jpeg: bytes
    quality: float


def draw_identity(seed: int, identity: int) -> Identity:
    """Draw the person number `identity` of the population `seed`; depends on these two numbers alone."""
    rng = _generator(seed, identity)

    def around(mean: float, deviation: float) -> float:
        return mean + deviation * float(np.clip(rng.standard_normal(), -2.0, 2.0))

    darkness = rng.beta(1.3, 1.8)
    skin = _mix((0.94, 0.77, 0.67), (0.42, 0.27, 0.20), darkness)
    hair_lightness = rng.uniform() ** 1.5 * (1.0 - darkness)
    hair = _mix((0.09, 0.06, 0.05), (0.72, 0.52, 0.30), hair_lightness)
    grey = max(0.0, around(-0.3, 0.5))
    iris = _mix((0.24, 0.14, 0.08), (0.35, 0.52, 0.62), min(1.0, rng.uniform() * 1.4 * (1.0 - darkness)))
    return Identity(
        head_width=around(0.72, 0.03),
        head_height=around(0.99, 0.03),
        jaw_taper=around(0.17, 0.09),
        forehead_taper=around(0.06, 0.05),
        skin=_mix(skin, (0.85, 0.48, 0.42), abs(around(0.0, 0.1))),
        eye_spacing=around(0.325, 0.015),
        eye_width=around(0.145, 0.012),
        eye_height=around(0.062, 0.010),
        eye_slant=around(0.05, 0.08),
        iris=iris,
        brow_gap=around(0.19, 0.022),
        brow_length=around(0.20, 0.02),
        brow_thickness=around(0.038, 0.010),
        brow_slope=around(-0.02, 0.10),
        brow_arch=around(1.0, 0.8),
        nose_width=around(0.150, 0.022),
        nose_length=around(NOSE_Y, 0.025),
        nose_relief=around(0.10, 0.02),
        cheek_relief=around(0.05, 0.03),
        mouth_width=around(0.28, 0.03),
        mouth_height=around(MOUTH_Y, 0.018),
        mouth_curve=around(0.0, 0.015),
        upper_lip=around(0.050, 0.013),
        lower_lip=around(0.066, 0.014),
        lip=_mix(skin, (0.66, 0.20, 0.22), float(np.clip(around(0.5, 0.18), 0.0, 1.0))),
        hair=_mix(hair, (0.62, 0.61, 0.60), min(grey, 0.9)),
        hairline=around(-0.62, 0.09),
        hairline_curve=around(0.5, 0.4),
        parting=around(0.0, 0.18),
        hair_volume=around(0.11, 0.04),
        hair_length=float(rng.choice([0.0, 1.0])) * rng.uniform(0.4, 1.1),
        beard=float(rng.choice([0.0, 0.0, 1.0])) * rng.uniform(0.15, 0.8),
        mole=(float(rng.choice([-1, 1]) * rng.uniform(0.2, 0.5)), float(rng.uniform(0.15, 0.8))),
        mole_opacity=max(0.0, rng.uniform(-1.0, 1.0)),
    )


def draw_nuisance(rng: np.random.Generator) -> Nuisance:
    """Draw the circumstances of one photograph: most are middling, some are good, a few are dreadful."""
    hardship = 0.15 + 0.85 * rng.uniform()

    def either_way(deviation: float) -> float:
        return hardship * deviation * float(np.clip(rng.standard_normal(), -2.5, 2.5))

    def at_most(limit: float) -> float:
        return hardship * limit * float(rng.uniform())

    return Nuisance(
        yaw=either_way(24.0),
        pitch=either_way(12.0),
        roll=either_way(7.0),
        light_azimuth=either_way(50.0),
        light_elevation=either_way(25.0),
        light_hardness=at_most(1.0),
        mouth_open=max(0.0, at_most(2.0) - 1.0),
        smile=either_way(0.6),
        brow_raise=either_way(0.6),
        squint=at_most(0.8),
        glasses=float(rng.uniform() < 0.3 * hardship),
        shift_x=either_way(0.04),
        shift_y=either_way(0.04),
        zoom=either_way(0.05),
        exposure=either_way(0.5),
        warmth=either_way(0.5),
        blur=at_most(1.5),
        resolution_loss=at_most(2.2),
        noise=at_most(0.08),
        jpeg_loss=float(round(at_most(75.0))),
    )


def photograph(seed: int, identity: int, index: int, size: int = 112) -> Photograph:
    """Take photograph number `index` of a person: the same four numbers give the same bytes (with the same Pillow).

    Args:
        seed: which population.
        identity: which person of it, from 0.
        index: which photograph of the person, from 0.
        size: height and width of the image in pixels.
    """
    rng = _generator(seed, identity, index)
    nuisance = draw_nuisance(rng)
    pixels_HW3 = render(draw_identity(seed, identity), nuisance, rng, size)
    file = io.BytesIO()
    Image.fromarray(pixels_HW3).save(file, "JPEG", quality=round(BEST_JPEG_QUALITY - nuisance.jpeg_loss))
    return Photograph(jpeg=file.getvalue(), quality=nuisance.quality)


def render(identity: Identity, nuisance: Nuisance, rng: np.random.Generator, size: int = 112) -> NDArray[np.uint8]:
    """Return the photograph before compression, (size, size, 3), RGB; `rng` makes the backdrop and the noise."""
    head = _Head(identity, nuisance, size)
    _paint_skin(head)
    _paint_nose(head)
    _paint_mouth(head)
    for side in (-1, 1):
        _paint_eye(head, side)
        _paint_brow(head, side)
        if nuisance.glasses:
            _paint_glasses(head, side)
    _paint_hair(head)
    scene_3HW = _backdrop(rng, size)
    _paint_behind(head, scene_3HW)
    scene_3HW += head.coverage * (head.albedo * head.shade() - scene_3HW)
    return _develop(scene_3HW, nuisance, rng)


@dataclass(frozen=True)
class _Patch:
    """The part of the head around a feature: coordinates from its centre, and views of the layers there."""

    x: Floats
    y: Floats
    albedo: Floats
    relief: Floats
    light: list[float]
    pixel: float

    def paint(self, distance: Floats, colour: Colour, opacity: float = 1.0, softness: float = 1.5) -> None:
        """Lay a colour where the signed distance is negative; the edge is `softness` pixels wide."""
        _lay(self.albedo, colour, _cover(distance, softness * self.pixel) * opacity)

    def raise_bump(self, width: float, height: float, relief: float) -> None:
        """Raise a Gaussian bump, or sink one: heights catch more light than hollows, slopes more when they face it."""
        bump = relief * np.exp(-0.5 * ((self.x / width) ** 2 + (self.y / height) ** 2))
        self.relief[:] += bump * (2 + self.x * (self.light[0] / width**2) + self.y * (self.light[1] / height**2))


class _Head:
    """The visible surface of a head, and the paint on it.

    Attributes:
        u, v: coordinates of each pixel in the upright image plane, centred on the head, (H, W).
        x, y, z: canonical coordinates of the surface that each pixel sees, (H, W).
        coverage: 1 on the head, 0 beside it, (H, W).
        albedo: colour of the surface, (3, H, W).
        relief: what the small shapes add to the cosine between the normal and the light, (H, W).
    """

    def __init__(self, identity: Identity, nuisance: Nuisance, size: int) -> None:
        self.identity, self.nuisance, self.size = identity, nuisance, size
        self.axes = (identity.head_width, identity.head_height, HEAD_DEPTH)
        turn = _rotation(nuisance.yaw, nuisance.pitch)
        self.turn: list[list[float]] = turn.tolist()
        self.light: list[float] = (turn.T @ _light_direction(nuisance)).tolist()
        self.quadric: list[list[float]] = (turn / np.square(self.axes) @ turn.T).tolist()
        # Points and similarities of the plane are complex numbers. An aligner keeps the nose in place whatever the pose.
        self.similarity = cmath.rect(math.exp(nuisance.zoom), math.radians(nuisance.roll))
        self.image_centre = complex(nuisance.shift_x, NOSE_Y + nuisance.shift_y)
        self.plane_centre = self._project(0.0, NOSE_Y)
        self._intersect()
        self.albedo = np.empty((3, size, size), np.float32)
        self.relief = np.zeros((size, size), np.float32)

    def _taper(self, v: Floats) -> Floats:
        """By what factor the outline is narrower than the ellipsoid's at the height v: at the jaw, at the forehead."""
        below, above = np.maximum(v, 0), np.minimum(v, 0)
        return 1 + self.identity.jaw_taper * below * below + self.identity.forehead_taper * above * above

    def _project(self, x: float, y: float) -> complex:
        """Where in the plane, u + iv, the point of the face lies that a frontal camera sees at (x, y)."""
        width, height, depth = self.axes
        z = depth * math.sqrt(max(0.0, 1 - (x / width) ** 2 - (y / height) ** 2))
        u, v = (a * x + b * y + c * z for a, b, c in self.turn[:2])
        return complex(u / float(self._taper(np.float32(v))), v)

    def _intersect(self) -> None:
        """Find the point where each pixel's ray (u, v, w) meets the ellipsoid: a quadratic in w."""
        column, row = _grid(self.size)
        inverse = 1 / self.similarity
        offset = self.plane_centre - inverse * self.image_centre
        self.u = inverse.real * column - inverse.imag * row + offset.real
        self.v = inverse.imag * column + inverse.real * row + offset.imag
        u, v = self.u * self._taper(self.v), self.v
        (uu, uv, uw), (_, vv, vw), (_, _, ww) = self.quadric
        half = uw * u + vw * v
        discriminant = half * half - ww * (uu * u * u + 2 * uv * u * v + vv * v * v - 1)
        w = (np.sqrt(np.maximum(discriminant, 0)) - half) / ww
        self.coverage = _cover(-discriminant, 8 / self.size)
        self.x, self.y, self.z = (a * u + b * v + c * w for a, b, c in zip(*self.turn, strict=True))

    def patch(self, x: float, y: float, reach: float) -> _Patch:
        """The square window that shows the face within `reach` of the canonical point (x, y)."""
        centre = self.similarity * (self._project(x, y) - self.plane_centre) + self.image_centre
        left, right = (self._clamp(centre.real + end) for end in (-reach, reach))
        top, bottom = (self._clamp(centre.imag + end) for end in (-reach, reach))
        part = np.s_[..., top:bottom, left:right]
        x_HW, y_HW = self.x[part] - x, self.y[part] - y
        return _Patch(x_HW, y_HW, self.albedo[part], self.relief[part], self.light, pixel=2 / self.size)

    def _clamp(self, coordinate: float) -> int:
        """The pixel at an image coordinate, or the nearest one in the image."""
        return min(max(round((coordinate + 1) * self.size / 2), 0), self.size)

    def shade(self) -> Floats:
        """Brightness of the surface, (H, W): Lambert's law with a soft terminator, mixed with light from all sides."""
        nx, ny, nz = (part * axis**-2 for part, axis in zip((self.x, self.y, self.z), self.axes, strict=True))
        lx, ly, lz = self.light
        cosine = (nx * lx + ny * ly + nz * lz) / np.sqrt(nx * nx + ny * ny + nz * nz) + self.relief
        hardness = 0.45 + 0.45 * self.nuisance.light_hardness
        return 1.08 - hardness + hardness * np.maximum(0.25 + 0.75 * cosine, 0)


def _paint_skin(head: _Head) -> None:
    identity = head.identity
    head.albedo[:] = _column(identity.skin)
    for side in (-1, 1):
        head.patch(side * 0.36, 0.22, 0.5).raise_bump(0.16, 0.13, identity.cheek_relief)
        head.patch(side * identity.eye_spacing, EYE_Y, 0.45).raise_bump(0.15, 0.10, -0.035)
    head.patch(0.0, 0.86, 0.35).raise_bump(0.13, 0.08, 0.025)
    if identity.beard:
        beard = head.patch(0.0, 0.6, 0.95)
        square = beard.x * beard.x
        edge = -0.14 + square * (0.6 - 3.2 * square) - beard.y
        beard.paint(edge, _mix(identity.hair, identity.skin, 0.1), identity.beard, softness=10.0)
    x, y = identity.mole
    mole = head.patch(x, y, 0.1)
    mole.paint(np.hypot(mole.x, mole.y) - 0.018, _mix(identity.skin, (0.2, 0.1, 0.08), 0.6), identity.mole_opacity)


def _paint_eye(head: _Head, side: int) -> None:
    """Paint the left (-1) or the right (1) eye: two lids are parabolas over the width of the eye."""
    identity, nuisance = head.identity, head.nuisance
    eye = head.patch(side * identity.eye_spacing, EYE_Y, 0.3)
    x, y = eye.x * side, eye.y + identity.eye_slant * eye.x * side
    arch = 1.0 - (x / identity.eye_width) ** 2
    opening = identity.eye_height * (1.0 - 0.7 * nuisance.squint)
    upper, lower = y + opening * arch, y - 0.7 * opening * arch
    outside = np.maximum(-upper, lower)
    eye.paint(np.hypot(x, y * 1.5) - 0.17, _mix(identity.skin, (0.35, 0.15, 0.14), 0.35), 0.6, softness=8.0)
    eye.paint(outside, (0.90, 0.88, 0.86))
    radius = np.hypot(eye.x, y + 0.005)
    eye.paint(np.maximum(outside, radius - 0.064), _mix(identity.iris, (0.0, 0.0, 0.0), 0.5))
    eye.paint(np.maximum(outside, radius - 0.052), identity.iris)
    eye.paint(np.maximum(outside, radius - 0.026), (0.03, 0.03, 0.03))
    eye.paint(np.maximum(outside, np.hypot(eye.x + 0.02, y + 0.025) - 0.014), (1.0, 1.0, 1.0), 0.9)
    lashes = np.maximum(np.abs(upper) - 0.012, -0.15 - arch)
    eye.paint(lashes, (0.12, 0.08, 0.07), 0.9)
    eye.paint(np.maximum(np.abs(upper + 0.045) - 0.006, -arch), _mix(identity.skin, (0.2, 0.08, 0.06), 0.6), 0.6)
    eye.paint(np.maximum(np.abs(lower) - 0.004, -arch), (0.35, 0.18, 0.15), 0.5)


def _paint_brow(head: _Head, side: int) -> None:
    identity, nuisance = head.identity, head.nuisance
    rise = identity.brow_gap + 0.04 * nuisance.brow_raise
    brow = head.patch(side * (identity.eye_spacing + 0.01), EYE_Y - rise, 0.35)
    x = brow.x * side
    along = x / identity.brow_length
    middle = (identity.brow_slope + 0.08 * nuisance.brow_raise) * x + identity.brow_arch * x * x
    thickness = identity.brow_thickness * (1.0 - 0.25 * along - 0.35 * along * along)
    distance = np.maximum(np.abs(brow.y - middle) - thickness, (np.abs(along) - 1.0) * identity.brow_length)
    brow.paint(distance, _mix(identity.hair, (0.1, 0.07, 0.06), 0.4), 0.85, softness=3.0)
    brow.raise_bump(0.18, 0.07, 0.015)


def _paint_glasses(head: _Head, side: int) -> None:
    """Paint one rim, half of the bridge and one temple."""
    glasses = head.patch(side * 0.34, EYE_Y + 0.03, 0.6)
    x, y = glasses.x * side, glasses.y
    across, along = np.square(x / 0.25), np.square(y / 0.19)
    rim = np.abs(np.sqrt(np.sqrt(across * across + along * along)) - 1) * 0.2
    bars = np.maximum(np.abs(y + 0.05), 0.25 - np.abs(x))
    glasses.paint(np.minimum(rim, bars) - 0.016, (0.08, 0.07, 0.09), head.nuisance.glasses)


def _paint_nose(head: _Head) -> None:
    identity = head.identity
    width, tip = identity.nose_width, identity.nose_length
    shadow = _mix(identity.skin, (0.22, 0.07, 0.05), 0.55)
    head.patch(0.0, 0.08, 0.5).raise_bump(0.42 * width, 0.17, 0.45 * identity.nose_relief)
    head.patch(0.0, tip, 0.35).raise_bump(0.6 * width, 0.075, 0.7 * identity.nose_relief)
    base = head.patch(0.0, tip + 0.10, 0.3)
    base.paint(np.hypot(base.x / width, base.y / 0.045) * 0.06 - 0.05, shadow, 0.5, softness=3.5)
    for side in (-1, 1):
        wing = head.patch(side * 0.75 * width, tip + 0.045, 0.25)
        wing.raise_bump(0.28 * width, 0.05, 0.25 * identity.nose_relief)
        crease = np.abs(np.hypot(wing.x, wing.y * 0.9) - 0.055) - 0.006
        wing.paint(np.maximum(crease, -wing.x * side), shadow, 0.5, softness=2.5)
        nostril = head.patch(side * 0.45 * width, tip + 0.09, 0.12)
        nostril.paint(np.hypot(nostril.x, nostril.y * 1.8) - 0.034, _mix(shadow, (0.0, 0.0, 0.0), 0.5), 0.8)


def _paint_mouth(head: _Head) -> None:
    """Paint the lips: parabolas over the width of the mouth, the upper one with a cupid's bow."""
    identity, nuisance = head.identity, head.nuisance
    mouth = head.patch(0.0, identity.mouth_height, 0.5)
    x = mouth.x / (identity.mouth_width * (1.0 + 0.12 * nuisance.smile))
    arch = 1.0 - x * x
    y = mouth.y + (identity.mouth_curve + 0.05 * nuisance.smile) * (x * x - 0.4)
    gap = 0.10 * nuisance.mouth_open * arch
    bow = identity.upper_lip * arch * (1.0 - 0.3 * np.exp(-((x / 0.16) ** 2)))
    upper, lower = -y - bow - 0.4 * gap, y - identity.lower_lip * arch - gap
    under = head.patch(0.0, identity.mouth_height + 0.14, 0.25)
    under.raise_bump(0.13, 0.04, -0.012)
    mouth.paint(np.maximum(upper, lower), identity.lip, 0.85, softness=2.0)
    inside = np.maximum(np.maximum(-y - 0.4 * gap, y - gap), 0.02 - gap)
    mouth.paint(inside, (0.20, 0.05, 0.06))
    mouth.paint(np.maximum(inside, y - 0.25 * gap) + 0.01, (0.93, 0.91, 0.88), 0.9)
    line = np.maximum(np.abs(y + 0.4 * gap) - 0.007, np.abs(x) - 1.05)
    mouth.paint(line, _mix(identity.lip, (0.1, 0.02, 0.02), 0.7), 0.9)


def _paint_hair(head: _Head) -> None:
    """Paint the hair on the skull, above the hairline in front and behind the temples, and the ears over it."""
    identity = head.identity
    x, y = head.x, head.y
    front = y - identity.hairline - identity.parting * x - identity.hairline_curve * x * x
    sides = np.maximum(head.z - 0.16, y - 0.1 - identity.hair_length)
    _lay(head.albedo, identity.hair, _cover(np.minimum(front, sides), 6 / head.size))
    if identity.hair_length < 0.2:
        ear = np.hypot(head.z + 0.04, 0.6 * y - 0.04) - 0.11
        _lay(head.albedo, _mix(identity.skin, identity.lip, 0.15), _cover(ear, 4 / head.size))


def _paint_behind(head: _Head, scene_3HW: Floats) -> None:
    """Paint what the head hides in part: the hair around it, the neck and the ears."""
    identity, u, v, pixel = head.identity, head.u, head.v, 2 / head.size
    shadow = _mix(identity.skin, (0.1, 0.04, 0.03), 0.45)
    _lay(scene_3HW, shadow, _cover(np.maximum(np.abs(u) - 0.62 * identity.head_width, 0.5 - v), 4 * pixel))
    if identity.hair_length < 0.2:
        ears = np.hypot(np.abs(u) - identity.head_width * head.turn[0][0], 0.6 * v - 0.04) - 0.11
        _lay(scene_3HW, _mix(identity.skin, identity.lip, 0.3), _cover(ears, 2 * pixel))
    width, height = identity.head_width + identity.hair_volume, identity.head_height + identity.hair_volume
    u = u + 0.25 * head.turn[0][2]
    nape = np.abs(u) - width + max(0.0, 0.9 - identity.hair_length) * (v + 0.25)
    outline = np.where(v > -0.25, nape, (np.hypot(u / width, (v + 0.25) / (height - 0.25)) - 1) * 0.8)
    _lay(scene_3HW, _mix(identity.hair, (0.0, 0.0, 0.0), 0.15), _cover(outline, 3 * pixel))


def _backdrop(rng: np.random.Generator, size: int) -> Floats:
    """A blurred room, (3, H, W): a few random colours, interpolated."""
    base, spots = rng.uniform(70, 190, 3), rng.uniform(-60, 60, (4, 4, 1)) + rng.uniform(-10, 10, (4, 4, 3))
    colours = Image.fromarray((base + spots).astype(np.uint8)).resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(colours, np.float32).transpose(2, 0, 1) / np.float32(255)


def _develop(scene_3HW: Floats, nuisance: Nuisance, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Expose, blur, sample, add the sensor's noise and resize: the camera, in its physical order."""
    size = scene_3HW.shape[-1]
    cast = (1 + 0.18 * nuisance.warmth, 1.0, 1 - 0.18 * nuisance.warmth)
    gain = _column(cast) * np.float32(255 * 2**nuisance.exposure)
    image = Image.fromarray(_to_bytes((scene_3HW * gain).transpose(1, 2, 0)))
    image = image.filter(ImageFilter.GaussianBlur(nuisance.blur / 100 * size))
    sensor = max(8, round(size * 2**-nuisance.resolution_loss))
    pixels_HW3 = np.asarray(image.resize((sensor, sensor), Image.Resampling.BOX), np.float32)
    pixels_HW3 = pixels_HW3 + rng.standard_normal(pixels_HW3.shape, np.float32) * np.float32(255 * nuisance.noise)
    image = Image.fromarray(_to_bytes(pixels_HW3)).resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(image)


def _rotation(yaw: float, pitch: float) -> NDArray[np.float64]:
    """The matrix (3, 3) that turns canonical coordinates into the camera's; angles in degrees."""
    cos_yaw, sin_yaw = math.cos(math.radians(yaw)), math.sin(math.radians(yaw))
    cos_pitch, sin_pitch = math.cos(math.radians(pitch)), math.sin(math.radians(pitch))
    turn_yaw = np.array([[cos_yaw, 0, sin_yaw], [0, 1, 0], [-sin_yaw, 0, cos_yaw]])
    turn_pitch = np.array([[1, 0, 0], [0, cos_pitch, sin_pitch], [0, -sin_pitch, cos_pitch]])
    return turn_yaw @ turn_pitch


def _light_direction(nuisance: Nuisance) -> NDArray[np.float64]:
    """The unit vector (3,) from the head to the lamp, in the camera's coordinates."""
    azimuth = math.radians(nuisance.light_azimuth)
    elevation = math.radians(KEY_LIGHT_ELEVATION + nuisance.light_elevation)
    across = math.cos(elevation)
    return np.array([across * math.sin(azimuth), -math.sin(elevation), across * math.cos(azimuth)])


@lru_cache(maxsize=8)
def _grid(size: int) -> tuple[Floats, Floats]:
    """The image coordinates of the pixels' centres in [-1, 1]: a row (1, W) and a column (H, 1)."""
    ticks = ((np.arange(size) + 0.5) * (2 / size) - 1).astype(np.float32)
    return ticks[None, :], ticks[:, None]


def _generator(seed: int, *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _cover(distance: Floats, softness: float) -> Floats:
    """1 where the signed distance is negative, 0 where it is positive, linear over `softness` between them."""
    return np.minimum(np.maximum(0.5 - distance * (1 / softness), 0), 1)


def _lay(colours_3HW: Floats, colour: Colour, cover_HW: Floats) -> None:
    """Paint one colour over others, in place, where the cover is 1."""
    colours_3HW += cover_HW * (_column(colour) - colours_3HW)


def _column(colour: Colour) -> Floats:
    return np.array(colour, np.float32)[:, None, None]


def _mix(first: Colour, second: Colour, share: float) -> Colour:
    """A colour between two: the first where the share of the second is 0."""
    red, green, blue = (a + float(share) * (b - a) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _to_bytes(pixels: Floats) -> NDArray[np.uint8]:
    return np.minimum(np.maximum(pixels + 0.5, 0), 255).astype(np.uint8)
