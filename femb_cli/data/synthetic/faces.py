"""Procedural faces: photographs of people who do not exist, drawn from formulae.

A person is a few dozen numbers, and so are the circumstances of a photograph. The face is painted on a head by
soft-edged shapes in canonical coordinates, which a frontal view shows where the 112 x 112 template of ArcFace has
the eyes, the nose and the mouth; then come the backdrop, the exposure, the lens, the sensor and JPEG.
"""

import io
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from femb_cli.data.synthetic.canvas import Canvas, Colour, Floats, column, cover, lay, mix

HEAD_DEPTH = 0.85
EYE_Y = -0.07
NOSE_Y = 0.28
MOUTH_Y = 0.64
LAMP_ELEVATION = 30.0
BEST_JPEG_QUALITY = 95
BLACK: Colour = (0.0, 0.0, 0.0)
DARK_SKIN: Colour = (0.2, 0.08, 0.06)


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
        return mean + deviation * min(max(rng.standard_normal(), -2.0), 2.0)

    darkness = rng.beta(1.3, 1.8)
    skin = mix((0.94, 0.77, 0.67), (0.42, 0.27, 0.20), darkness)
    hair_lightness = rng.uniform() ** 1.5 * (1.0 - darkness)
    hair = mix((0.09, 0.06, 0.05), (0.72, 0.52, 0.30), hair_lightness)
    grey = max(0.0, around(-0.3, 0.5))
    long_haired = rng.uniform() < 0.45
    bearded = not long_haired and rng.uniform() < 0.5
    iris = mix((0.24, 0.14, 0.08), (0.35, 0.52, 0.62), min(1.0, rng.uniform() * 1.4 * (1.0 - darkness)))
    return Identity(
        head_width=around(0.72, 0.03),
        head_height=around(0.99, 0.03),
        jaw_taper=around(0.17, 0.09),
        forehead_taper=around(0.06, 0.05),
        skin=mix(skin, (0.85, 0.48, 0.42), abs(around(0.0, 0.1))),
        eye_spacing=around(0.325, 0.015),
        eye_width=around(0.145, 0.012),
        eye_height=around(0.062, 0.010),
        eye_slant=around(0.05, 0.08),
        iris=iris,
        brow_gap=around(0.19, 0.022),
        brow_length=around(0.20, 0.02),
        brow_thickness=around(0.038, 0.010),
        brow_slope=around(-0.03, 0.07),
        brow_arch=around(0.9, 0.5),
        nose_width=around(0.150, 0.022),
        nose_length=around(NOSE_Y, 0.025),
        nose_relief=around(0.13, 0.03),
        cheek_relief=around(0.05, 0.03),
        mouth_width=around(0.28, 0.03),
        mouth_height=around(MOUTH_Y, 0.018),
        mouth_curve=around(0.02, 0.018),
        upper_lip=around(0.050, 0.013),
        lower_lip=around(0.066, 0.014),
        lip=mix(skin, (0.66, 0.20, 0.22), around(0.5, 0.18)),
        hair=mix(hair, (0.62, 0.61, 0.60), min(grey, 0.9)),
        hairline=around(-0.62, 0.09),
        hairline_curve=around(0.5, 0.4),
        parting=around(0.0, 0.18),
        hair_volume=around(0.11, 0.04),
        hair_length=rng.uniform(0.75, 1.1) if long_haired else 0.0,
        beard=rng.uniform(0.15, 0.8) if bearded else 0.0,
        mole=(float(rng.choice([-1, 1])) * rng.uniform(0.2, 0.5), rng.uniform(0.15, 0.8)),
        mole_opacity=max(0.0, rng.uniform(-1.0, 1.0)),
    )


def draw_nuisance(rng: np.random.Generator) -> Nuisance:
    """Draw the circumstances of one photograph: most are middling, some are good, a few are dreadful."""
    hardship = 0.15 + 0.85 * rng.uniform()

    def either_way(deviation: float) -> float:
        return hardship * deviation * min(max(rng.standard_normal(), -2.5), 2.5)

    def at_most(limit: float) -> float:
        return hardship * limit * rng.uniform()

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
        jpeg_loss=at_most(75.0),
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
    head = _see(identity, nuisance, size)
    _paint_skin(head, identity)
    _paint_nose(head, identity)
    _paint_mouth(head, identity, nuisance)
    for side in (-1, 1):
        _paint_eye(head, identity, nuisance, side)
        _paint_brow(head, identity, nuisance, side)
        if nuisance.glasses:
            _paint_glasses(head, nuisance, side)
    _paint_hair(head, identity)
    scene_3HW = _backdrop(rng, size)
    _paint_behind(head, identity, scene_3HW)
    portrait_3HW = head.albedo * head.shade(hardness=0.45 + 0.45 * nuisance.light_hardness)
    scene_3HW += head.coverage * (portrait_3HW - scene_3HW)
    return _develop(scene_3HW, nuisance, rng)


def _see(identity: Identity, nuisance: Nuisance, size: int) -> Canvas:
    return Canvas(
        size,
        axes=(identity.head_width, identity.head_height, HEAD_DEPTH),
        tapers=(identity.jaw_taper, identity.forehead_taper),
        anchor=(0.0, NOSE_Y),
        pose=(nuisance.yaw, nuisance.pitch, nuisance.roll),
        lamp=(nuisance.light_azimuth, LAMP_ELEVATION + nuisance.light_elevation),
        zoom=math.exp(nuisance.zoom),
        shift=complex(nuisance.shift_x, nuisance.shift_y),
    )


def _paint_skin(head: Canvas, identity: Identity) -> None:
    head.albedo[:] = column(identity.skin)
    for side in (-1, 1):
        head.patch(side * 0.36, 0.22, 0.5).raise_bump(0.16, 0.13, identity.cheek_relief)
        head.patch(side * identity.eye_spacing, EYE_Y, 0.45).raise_bump(0.15, 0.10, -0.035)
    head.patch(0.0, 0.86, 0.35).raise_bump(0.13, 0.08, 0.025)
    if identity.beard:
        beard = head.patch(0.0, 0.6, 0.8)
        square = beard.x * beard.x
        edge = -0.14 + square * (0.6 - 3.2 * square) - beard.y
        beard.paint(edge, mix(identity.hair, identity.skin, 0.1), identity.beard, softness=10.0)
    x, y = identity.mole
    mole = head.patch(x, y, 0.1)
    mole.paint(np.hypot(mole.x, mole.y) - 0.018, mix(identity.skin, DARK_SKIN, 0.6), identity.mole_opacity)


def _paint_eye(head: Canvas, identity: Identity, nuisance: Nuisance, side: int) -> None:
    """Paint the left (-1) or the right (1) eye: two lids are parabolas over the width of the eye."""
    eye = head.patch(side * identity.eye_spacing, EYE_Y, 0.25)
    x, y = eye.x * side, eye.y + identity.eye_slant * eye.x * side
    arch = 1.0 - (x / identity.eye_width) ** 2
    opening = identity.eye_height * (1.0 - 0.7 * nuisance.squint)
    upper, lower = y + opening * arch, y - 0.7 * opening * arch
    outside = np.maximum(-upper, lower)
    eye.paint(np.hypot(x, y * 1.5) - 0.17, mix(identity.skin, (0.35, 0.15, 0.14), 0.35), 0.6, softness=8.0)
    eye.paint(outside, (0.90, 0.88, 0.86))
    radius = np.hypot(eye.x, y + 0.005)
    eye.paint(np.maximum(outside, radius - 0.064), mix(identity.iris, BLACK, 0.5))
    eye.paint(np.maximum(outside, radius - 0.052), identity.iris)
    eye.paint(np.maximum(outside, radius - 0.026), (0.03, 0.03, 0.03))
    eye.paint(np.maximum(outside, np.hypot(eye.x + 0.02, y + 0.025) - 0.014), (1.0, 1.0, 1.0), 0.9)
    lashes = np.maximum(np.abs(upper) - 0.012, -0.15 - arch)
    eye.paint(lashes, (0.12, 0.08, 0.07), 0.9)
    eye.paint(np.maximum(np.abs(upper + 0.045) - 0.006, -arch), mix(identity.skin, DARK_SKIN, 0.6), 0.6)
    eye.paint(np.maximum(np.abs(lower) - 0.004, -arch), (0.35, 0.18, 0.15), 0.5)


def _paint_brow(head: Canvas, identity: Identity, nuisance: Nuisance, side: int) -> None:
    rise = identity.brow_gap + 0.04 * nuisance.brow_raise
    brow = head.patch(side * (identity.eye_spacing + 0.01), EYE_Y - rise, 0.35)
    x = brow.x * side
    along = x / identity.brow_length
    middle = (identity.brow_slope + 0.08 * nuisance.brow_raise) * x + identity.brow_arch * x * x
    thickness = identity.brow_thickness * (1.0 - 0.25 * along - 0.35 * along * along)
    distance = np.maximum(np.abs(brow.y - middle) - thickness, (np.abs(along) - 1.0) * identity.brow_length)
    brow.paint(distance, mix(identity.hair, (0.1, 0.07, 0.06), 0.4), 0.85, softness=3.0)
    brow.raise_bump(0.18, 0.07, 0.015)


def _paint_glasses(head: Canvas, nuisance: Nuisance, side: int) -> None:
    """Paint one rim, half of the bridge and one temple."""
    glasses = head.patch(side * 0.34, EYE_Y + 0.03, 0.6)
    x, y = glasses.x * side, glasses.y
    across, along = np.square(x / 0.25), np.square(y / 0.19)
    rim = np.abs(np.sqrt(np.sqrt(across * across + along * along)) - 1) * 0.2
    bars = np.maximum(np.abs(y + 0.05), 0.25 - np.abs(x))
    glasses.paint(np.minimum(rim, bars) - 0.016, (0.08, 0.07, 0.09), nuisance.glasses)


def _paint_nose(head: Canvas, identity: Identity) -> None:
    width, tip = identity.nose_width, identity.nose_length
    shadow = mix(identity.skin, DARK_SKIN, 0.55)
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
        nostril.paint(np.hypot(nostril.x, nostril.y * 1.8) - 0.034, mix(shadow, BLACK, 0.5), 0.8)


def _paint_mouth(head: Canvas, identity: Identity, nuisance: Nuisance) -> None:
    """Paint the lips: parabolas over the width of the mouth, the upper one with a cupid's bow."""
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
    mouth.paint(line, mix(identity.lip, (0.1, 0.02, 0.02), 0.7), 0.9)


def _paint_hair(head: Canvas, identity: Identity) -> None:
    """Paint the hair on the skull, above the hairline in front and behind the temples, and the ears over it."""
    x, y = head.x, head.y
    front = y - identity.hairline - identity.parting * x - identity.hairline_curve * x * x
    sides = np.maximum(head.z - 0.1, y - 0.1 - 0.4 * identity.hair_length)
    lay(head.albedo, identity.hair, cover(np.minimum(front, sides), 6 / head.size))
    if identity.hair_length == 0:
        ear = np.hypot(head.z + 0.04, 0.6 * y - 0.04) - 0.11
        lay(head.albedo, mix(identity.skin, identity.lip, 0.15), cover(ear, 4 / head.size))


def _paint_behind(head: Canvas, identity: Identity, scene_3HW: Floats) -> None:
    """Paint what the head hides in part: the hair around it, the neck and the ears."""
    pixel, temple_y = 2 / head.size, -0.25
    width, height = identity.head_width + identity.hair_volume, identity.head_height + identity.hair_volume
    back_of_head = head.u + 0.25 * head.turn[0][2]
    skull = (np.hypot(back_of_head / width, (head.v - temple_y) / (height + temple_y)) - 1) * 0.8
    narrowing = max(0.0, 0.9 - identity.hair_length)
    nape = np.abs(back_of_head) - width + narrowing * (head.v - temple_y)
    hair = np.where(head.v < temple_y, skull, nape)
    lay(scene_3HW, mix(identity.hair, BLACK, 0.15), cover(hair, 3 * pixel))
    neck = np.maximum(np.abs(head.u) - 0.62 * identity.head_width, 0.5 - head.v)
    lay(scene_3HW, mix(identity.skin, DARK_SKIN, 0.45), cover(neck, 4 * pixel))
    if identity.hair_length == 0:
        ears = np.hypot(np.abs(head.u) - identity.head_width * head.turn[0][0], 0.6 * head.v - 0.04) - 0.11
        lay(scene_3HW, mix(identity.skin, identity.lip, 0.4), cover(ears, 2 * pixel))


def _backdrop(rng: np.random.Generator, size: int) -> Floats:
    """A blurred room, (3, H, W): a few random colours, interpolated."""
    base, spots = rng.uniform(70, 190, 3), rng.uniform(-60, 60, (4, 4, 1)) + rng.uniform(-10, 10, (4, 4, 3))
    colours = Image.fromarray((base + spots).astype(np.uint8)).resize((size, size), Image.Resampling.BICUBIC)
    return np.ascontiguousarray(np.asarray(colours).transpose(2, 0, 1), np.float32) / 255


def _develop(scene_3HW: Floats, nuisance: Nuisance, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Expose, sample, blur, add the sensor's noise and enlarge: the camera, and then the software."""
    size = scene_3HW.shape[-1]
    cast = (1 + 0.18 * nuisance.warmth, 1.0, 1 - 0.18 * nuisance.warmth)
    light_3HW = scene_3HW * (column(cast) * 2**nuisance.exposure)
    image = Image.fromarray(_to_bytes(255 * light_3HW.transpose(1, 2, 0)))
    sensor = max(8, round(size * 2**-nuisance.resolution_loss))
    image = image.resize((sensor, sensor), Image.Resampling.BOX)
    # The lens comes before the sensor, but the blur costs less on the fewer pixels and looks the same.
    pixels_HW3 = np.asarray(image.filter(ImageFilter.GaussianBlur(nuisance.blur / 100 * sensor)), np.float32)
    pixels_HW3 = pixels_HW3 + rng.standard_normal(pixels_HW3.shape, np.float32) * np.float32(255 * nuisance.noise)
    image = Image.fromarray(_to_bytes(pixels_HW3)).resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(image)


def _generator(seed: int, *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _to_bytes(pixels: Floats) -> NDArray[np.uint8]:
    return np.minimum(np.maximum(pixels + 0.5, 0), 255).astype(np.uint8)
