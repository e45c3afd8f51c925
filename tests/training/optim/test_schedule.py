"""The learning rate's course, in closed form."""

import math

import pytest

from femb_cli.config.schema import ScheduleConfig
from femb_cli.training.optim.schedule import learning_rate_factor


def factors(steps=100, **parameters):
    return [learning_rate_factor(step, steps, ScheduleConfig(**parameters)) for step in range(steps)]


@pytest.mark.parametrize("power", [1.0, 2.0, 0.5])
def test_polynomial_falls_from_one_towards_zero(power):
    expected = [(1 - step / 100) ** power for step in range(100)]
    assert factors(name="polynomial", power=power) == pytest.approx(expected)


def test_cosine_is_half_a_wave():
    assert factors(name="cosine") == pytest.approx([math.cos(math.pi * step / 200) ** 2 for step in range(100)])


def test_step_divides_by_ten_at_every_milestone():
    expected = [1.0] * 40 + [0.1] * 32 + [0.01] * 16 + [0.001] * 12
    assert factors(name="step") == pytest.approx(expected)


def test_constant_stays_at_one():
    assert factors(name="constant") == [1.0] * 100


@pytest.mark.parametrize("name", ["polynomial", "cosine", "step", "constant"])
def test_warmup_rises_in_equal_steps_to_one(name):
    course = factors(name=name, warmup=0.1)
    assert course[:11] == pytest.approx([(step + 1) / 11 for step in range(11)])


@pytest.mark.parametrize("name", ["polynomial", "cosine"])
def test_after_the_warmup_the_shape_fills_the_rest_of_the_run(name):
    assert factors(name=name, warmup=0.2)[20:] == pytest.approx(factors(80, name=name))


@pytest.mark.parametrize("name", ["polynomial", "cosine", "step", "constant"])
@pytest.mark.parametrize("steps", [1, 2, 3, 7])
@pytest.mark.parametrize("warmup", [0.0, 0.3, 1.0])
def test_factors_of_short_runs_are_above_zero_and_at_most_one(name, steps, warmup):
    assert all(0 < factor <= 1 for factor in factors(steps, name=name, warmup=warmup))
