"""The features of a frontal face lie where ArcFace's template has them."""

import numpy as np
import pytest

from femb_cli.data.synthetic.faces import render
from femb_cli.data.synthetic.nuisance import Nuisance
from femb_cli.data.synthetic.person import draw_identity


def passport(identity: int, nuisance: Nuisance | None = None, size: int = 112) -> np.ndarray:
    """A clean photograph; the backdrop and the noise come from the same generator for everybody."""
    return render(draw_identity(0, identity), nuisance or Nuisance(), np.random.default_rng(0), size)


def brightness(pixels: np.ndarray, x: int, y: int, reach: int = 2) -> float:
    """Mean of the square around a pixel of the 112 x 112 template."""
    return float(pixels[y - reach : y + reach + 1, x - reach : x + reach + 1].mean())


@pytest.mark.parametrize("identity", range(8))
def test_eyes_of_a_frontal_face_lie_on_the_template(identity):
    pixels = passport(identity)
    assert brightness(pixels, 38, 52) < 0.8 * brightness(pixels, 36, 72)
    assert brightness(pixels, 74, 52) < 0.8 * brightness(pixels, 76, 72)


@pytest.mark.parametrize("identity", range(8))
def test_lips_of_a_frontal_face_lie_on_the_template(identity):
    red, green, _ = passport(identity)[76:108, 54:59].mean(1).T
    assert 76 + np.argmax(red / green) == pytest.approx(92, abs=6)
