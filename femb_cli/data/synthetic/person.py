"""A procedural person: some thirty numbers, drawn from a seed, that all photographs of the person share."""

from dataclasses import dataclass

import numpy as np

from femb_cli.data.synthetic.canvas import Colour, mix

NOSE_Y = 0.28
MOUTH_Y = 0.64


@dataclass(frozen=True)
class Identity:
    """What all photographs of a person share: lengths in halves of the image's width, colours RGB in [0, 1]."""

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


def draw_identity(seed: int, identity: int) -> Identity:
    """Draw person number `identity` of the population `seed`; the result depends only on these two numbers."""
    rng = random_generator(seed, identity)

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


def random_generator(seed: int, *key: int) -> np.random.Generator:
    """Return the generator of a seed and a key; other keys give independent numbers."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
