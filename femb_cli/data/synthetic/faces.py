"""Procedural faces: photographs of people who do not exist, drawn from formulae.

The face is painted on a head so that a frontal view has the eyes, the nose and the mouth where the 112 x 112 template
of ArcFace has them. Then come the backdrop, the exposure, the lens, the sensor and the JPEG compression.

Shapes: *H* rows and *W* columns of the image, 3 colours RGB.
"""

import io
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from femb_cli.data.synthetic import features
from femb_cli.data.synthetic.canvas import Canvas, Floats, column
from femb_cli.data.synthetic.nuisance import Nuisance, draw_nuisance
from femb_cli.data.synthetic.person import NOSE_Y, Identity, draw_identity, random_generator

HEAD_DEPTH = 0.85
LAMP_ELEVATION = 30.0
BEST_JPEG_QUALITY = 95


@dataclass(frozen=True)
class Photograph:
    """An encoded photograph of a procedural face.

    Attributes:
        jpeg: The bytes of a JPEG file.
        quality: How easy the face is to recognise, in [0, 1].
    """

    jpeg: bytes
    quality: float


def photograph(seed: int, identity: int, index: int, size: int = 112) -> Photograph:
    """Draw photograph number `index` of a person; the same arguments give the same bytes (with the same Pillow).

    Args:
        seed: The population.
        identity: Number of the person in the population, from 0.
        index: Number of the photograph of this person, from 0.
        size: Height and width of the image in pixels.
    """
    rng = random_generator(seed, identity, index)
    nuisance = draw_nuisance(rng)
    pixels_HW3 = render(draw_identity(seed, identity), nuisance, rng, size)
    file = io.BytesIO()
    Image.fromarray(pixels_HW3).save(file, "JPEG", quality=round(BEST_JPEG_QUALITY - nuisance.jpeg_loss))
    return Photograph(jpeg=file.getvalue(), quality=nuisance.quality)


def render(identity: Identity, nuisance: Nuisance, rng: np.random.Generator, size: int = 112) -> NDArray[np.uint8]:
    """Draw a photograph before compression, uint8 RGB, (size, size, 3); `rng` gives the backdrop and the noise."""
    head = _head(identity, nuisance, size)
    features.paint_skin(head, identity)
    features.paint_nose(head, identity)
    features.paint_mouth(head, identity, nuisance)
    for side in (-1, 1):
        features.paint_eye(head, identity, nuisance, side)
        features.paint_brow(head, identity, nuisance, side)
        if nuisance.glasses:
            features.paint_glasses(head, nuisance, side)
    features.paint_hair(head, identity)
    scene_3HW = _backdrop(rng, size)
    features.paint_behind(head, identity, scene_3HW)
    portrait_3HW = head.albedo * head.shade(hardness=0.45 + 0.45 * nuisance.light_hardness)
    scene_3HW += head.coverage * (portrait_3HW - scene_3HW)
    return _simulate_camera(scene_3HW, nuisance, rng)


def _head(identity: Identity, nuisance: Nuisance, size: int) -> Canvas:
    """Return the unpainted head under the photograph's pose and light."""
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


def _backdrop(rng: np.random.Generator, size: int) -> Floats:
    """Draw a blurred room, (3, H, W): a few random colours, interpolated."""
    base, spots = rng.uniform(70, 190, 3), rng.uniform(-60, 60, (4, 4, 1)) + rng.uniform(-10, 10, (4, 4, 3))
    colours = Image.fromarray((base + spots).astype(np.uint8)).resize((size, size), Image.Resampling.BICUBIC)
    return np.ascontiguousarray(np.asarray(colours).transpose(2, 0, 1), np.float32) / 255


def _simulate_camera(scene_3HW: Floats, nuisance: Nuisance, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Turn a scene into pixels as a camera does: exposure, sampling, blur, noise, and enlarging to the final size."""
    size = scene_3HW.shape[-1]
    cast = (1 + 0.18 * nuisance.warmth, 1.0, 1 - 0.18 * nuisance.warmth)
    light_3HW = scene_3HW * (column(cast) * 2**nuisance.exposure)
    image = Image.fromarray(_to_bytes(255 * light_3HW.transpose(1, 2, 0)))
    sensor = max(8, round(size * 2**-nuisance.resolution_loss))
    image = image.resize((sensor, sensor), Image.Resampling.BOX)
    # A lens blurs before the sensor samples; blurring the fewer pixels after it looks the same and is faster.
    pixels_HW3 = np.asarray(image.filter(ImageFilter.GaussianBlur(nuisance.blur / 100 * sensor)), np.float32)
    pixels_HW3 = pixels_HW3 + rng.standard_normal(pixels_HW3.shape, np.float32) * np.float32(255 * nuisance.noise)
    image = Image.fromarray(_to_bytes(pixels_HW3)).resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(image)


def _to_bytes(pixels: Floats) -> NDArray[np.uint8]:
    return np.minimum(np.maximum(pixels + 0.5, 0), 255).astype(np.uint8)
