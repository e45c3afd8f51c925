"""Procedural faces: deterministic, recognisable, and as bad as their quality says."""

import io
import subprocess
import sys
from dataclasses import fields, replace

import numpy as np
import pytest
from PIL import Image

from femb_cli.data.synthetic.faces import photograph, render
from femb_cli.data.synthetic.nuisance import TOLERANCES, Nuisance
from femb_cli.data.synthetic.person import draw_identity


def decode(jpeg: bytes) -> Image.Image:
    return Image.open(io.BytesIO(jpeg))


def passport(identity: int, nuisance: Nuisance | None = None, size: int = 112) -> np.ndarray:
    """A clean photograph; the backdrop and the noise come from the same generator for everybody."""
    return render(draw_identity(0, identity), nuisance or Nuisance(), np.random.default_rng(0), size)


def brightness(pixels: np.ndarray, x: int, y: int, reach: int = 2) -> float:
    """Mean of the square around a pixel of the 112 x 112 template."""
    return float(pixels[y - reach : y + reach + 1, x - reach : x + reach + 1].mean())


def test_same_numbers_give_the_same_photograph_in_any_order():
    forwards = [photograph(0, identity, index) for identity in range(3) for index in range(3)]
    backwards = [photograph(0, identity, index) for identity in (2, 1, 0) for index in (2, 1, 0)]
    assert forwards == backwards[::-1]


def test_another_process_takes_the_same_photograph():
    command = (
        "import sys; from femb_cli.data.synthetic.faces import photograph\n"
        "sys.stdout.buffer.write(photograph(5, 6, 7).jpeg)"
    )
    assert subprocess.run([sys.executable, "-c", command], capture_output=True, check=True).stdout == (
        photograph(5, 6, 7).jpeg
    )


def test_every_photograph_differs_from_every_other():
    jpegs = {photograph(seed, identity, index).jpeg for seed in (0, 1) for identity in range(4) for index in range(4)}
    assert len(jpegs) == 32


@pytest.mark.parametrize("size", [32, 56, 112, 160])
def test_photograph_is_an_rgb_jpeg_of_the_size_asked_for(size):
    image = decode(photograph(0, 1, 2, size).jpeg)
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (size, size))


def test_render_returns_rgb_bytes():
    pixels = passport(0, size=48)
    assert pixels.shape == (48, 48, 3)
    assert pixels.dtype == np.uint8


@pytest.mark.parametrize("name", [field.name for field in fields(Nuisance) if field.name != "jpeg_loss"])
def test_every_nuisance_changes_the_picture(name):
    typical = replace(Nuisance(), **{name: 0.4 * TOLERANCES[name]})
    assert not np.array_equal(passport(0, typical), passport(0))


def test_photographs_are_compressed_to_different_degrees():
    tables = [decode(photograph(0, 0, index, 32).jpeg).quantization[0] for index in range(20)]
    steps = [sum(table) for table in tables]
    assert max(steps) > 4 * min(steps)


def test_light_from_the_right_brightens_the_right_cheek():
    pixels = passport(0, Nuisance(light_azimuth=60, light_hardness=0.5))
    assert brightness(pixels, 76, 72) > 1.2 * brightness(pixels, 36, 72)


def test_blur_and_lost_resolution_take_away_detail():
    def detail(nuisance: Nuisance) -> float:
        return float(np.abs(np.diff(passport(0, nuisance).astype(float), axis=1)).mean())

    assert detail(Nuisance(blur=1.5)) < 0.9 * detail(Nuisance())
    assert detail(Nuisance(resolution_loss=2)) < 0.9 * detail(Nuisance())


def test_photographs_of_one_person_are_more_alike_than_of_two():
    slight = [Nuisance(), Nuisance(yaw=4, smile=0.3), Nuisance(pitch=-3, noise=0.01), Nuisance(roll=1.5, squint=0.2)]
    faces = np.array([[passport(person, nuisance, 56)[8:, 8:48] for nuisance in slight] for person in range(12)])
    vectors = faces.astype(float).reshape(12 * 4, -1)
    distances = np.linalg.norm(vectors[:, None] - vectors[None], axis=-1)
    person = np.repeat(np.arange(12), 4)
    same = person[:, None] == person
    genuine, impostor = distances[same & ~np.eye(48, dtype=bool)], distances[~same]
    assert np.median(genuine) < 0.6 * np.median(impostor)


def test_real_circumstances_mix_the_people_up():
    """Raw pixels must not do what a network is to learn: their cosine verifies little better than a coin."""
    grey = np.array([decode(photograph(0, k // 6, k % 6, 28).jpeg).convert("L") for k in range(180)], float)
    vectors = grey.reshape(180, -1) - grey.mean((1, 2))[:, None]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    person = np.repeat(np.arange(30), 6)
    upper = np.triu_indices(180, 1)
    scores, same = (vectors @ vectors.T)[upper], (person[:, None] == person)[upper]
    thresholds = np.linspace(-1, 1, 201)[:, None]
    accuracy = ((scores[same] > thresholds).mean(1) + (scores[~same] <= thresholds).mean(1)).max() / 2
    assert 0.55 < accuracy < 0.78
