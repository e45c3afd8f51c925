"""Random numbers by place in the batch."""

import pytest
import torch

from femb_cli.runtime.place_draws import normal, place_keys, uniform

PLACES = torch.arange(2000)


def test_uniform_numbers_have_the_moments_of_the_uniform_distribution():
    numbers = uniform(place_keys(3, PLACES), 500).double()
    assert numbers.min() >= 0
    assert numbers.max() < 1
    assert numbers.mean().item() == pytest.approx(1 / 2, abs=2e-3)
    assert numbers.var().item() == pytest.approx(1 / 12, rel=5e-3)


def test_normal_numbers_have_the_moments_of_the_normal_distribution():
    numbers = normal(place_keys(3, torch.arange(200_000)))
    assert numbers.isfinite().all()
    assert numbers.mean().item() == pytest.approx(0, abs=0.01)
    assert numbers.std().item() == pytest.approx(1, rel=0.01)
    assert (numbers**4).mean().item() == pytest.approx(3, rel=0.05)


@pytest.mark.parametrize("shift", [(0, 1), (1, 0), (1, 1), (1, -1), (0, 7), (64, 0)])
def test_neighbouring_images_and_numbers_are_not_correlated(shift):
    numbers = uniform(place_keys(0, PLACES), 500) - 0.5
    other = numbers.roll(shift, (0, 1))
    assert abs((numbers * other).mean().item()) < 1e-3 / 4


def test_seeds_and_streams_are_not_correlated():
    drawn = [uniform(place_keys(seed, PLACES), 500, stream) - 0.5 for seed in (0, 1, 2**32, 2**63) for stream in (0, 1)]
    for number, first in enumerate(drawn):
        for second in drawn[:number]:
            assert abs((first * second).mean().item()) < 1e-3 / 4


def test_a_number_depends_on_seed_place_and_index_alone():
    numbers = uniform(place_keys(5, PLACES), 50)
    assert torch.equal(uniform(place_keys(5, PLACES[3::7]), 20), numbers[3::7, :20])
