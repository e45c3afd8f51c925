"""The circumstances of a photograph, and the quality that they leave."""

from dataclasses import fields, replace

import numpy as np
import pytest

from femb_cli.data.synthetic.nuisance import TOLERANCES, Nuisance, draw_nuisance


def test_quality_lies_between_0_and_1_and_is_spread_out():
    rng = np.random.default_rng(0)
    qualities = np.array([draw_nuisance(rng).quality for _ in range(500)])
    assert qualities.min() >= 0
    assert qualities.max() <= 1
    assert np.percentile(qualities, 10) < 0.4
    assert np.percentile(qualities, 90) > 0.85


def test_flawless_photograph_has_quality_1():
    assert Nuisance().quality == 1.0


@pytest.mark.parametrize("name", [field.name for field in fields(Nuisance)])
def test_quality_falls_as_a_nuisance_grows(name):
    qualities = [replace(Nuisance(), **{name: TOLERANCES[name] * strength}).quality for strength in (0, 0.25, 0.5, 1)]
    assert qualities == sorted(qualities, reverse=True)
    assert len(set(qualities)) == 4
