"""Nuisance factors of a procedural photograph, such as pose, light and blur, and how much they lower its quality."""

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Nuisance:
    """What differs between two photographs of a person; the defaults are a flawless passport photograph.

    Attributes:
        yaw: Degrees, positive if the nose points to the image's right.
        pitch: Degrees, positive if the nose points down.
        roll: Degrees, clockwise in the image.
        light_azimuth: Degrees, positive if the light comes from the image's right.
        light_elevation: Degrees above the usual height of the lamp.
        light_hardness: Share of the light that comes from one direction, above the usual share, from 0 to 1.
        mouth_open: From 0 (closed) to 1.
        smile: From -1 (corners down) to 1.
        brow_raise: From -1 (frown) to 1.
        squint: From 0 (eyes open) to 1.
        glasses: Opacity of a spectacle frame, from 0 (no glasses) to 1.
        shift_x: Alignment error to the right, in halves of the image's width.
        shift_y: Alignment error downwards, in halves of the image's width.
        zoom: Alignment error in size; the face is larger by the factor exp(zoom).
        exposure: Stops; the image is brighter by the factor 2 ** exposure.
        warmth: Colour cast, from -1 (blue) to 1 (orange).
        blur: Standard deviation of the optical blur, in per cent of the image's width.
        resolution_loss: Octaves of resolution lost: 1 means half as many pixels across, 2 a quarter.
        noise: Standard deviation of the sensor's noise; white is 1.
        jpeg_loss: Steps below JPEG quality 95, from 0 to 94.
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
        """How easy the face is to recognise, in [0, 1]: 1 for a flawless photograph; every nuisance lowers it."""
        total = sum((getattr(self, name) / tolerance) ** 2 for name, tolerance in TOLERANCES.items())
        return math.exp(-total / 2)


TOLERANCES = {
    "yaw": 40.0, "pitch": 25.0, "roll": 30.0, "light_azimuth": 90.0, "light_elevation": 60.0, "light_hardness": 1.0,
    "mouth_open": 2.0, "smile": 3.0, "brow_raise": 3.0, "squint": 2.0, "glasses": 2.0, "shift_x": 0.15,
    "shift_y": 0.15, "zoom": 0.2, "exposure": 2.0, "warmth": 2.0, "blur": 2.0, "resolution_loss": 2.0,
    "noise": 0.12, "jpeg_loss": 90.0,
}  # fmt: skip
"""The size at which a single nuisance lowers the quality to exp(-1/2)."""


def draw_nuisance(rng: np.random.Generator) -> Nuisance:
    """Draw the nuisance factors of a photograph: most are of medium difficulty, some are easy, a few are very hard."""
    difficulty = 0.15 + 0.85 * rng.uniform()

    def either_way(deviation: float) -> float:
        return difficulty * deviation * min(max(rng.standard_normal(), -2.5), 2.5)

    def at_most(limit: float) -> float:
        return difficulty * limit * rng.uniform()

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
        glasses=float(rng.uniform() < 0.3 * difficulty),
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
