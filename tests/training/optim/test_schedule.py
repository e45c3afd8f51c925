"""The learning rate's course, in closed form."""

import math

import pytest

from femb_cli.config.schema import AdamWConfig, ScheduleConfig, SGDConfig, TrainConfig
from femb_cli.training.optim.schedule import Rates, batch_scale, learning_rate_factor, longer_warmup


def factors(steps=100, **parameters):
    return [learning_rate_factor(step, steps, ScheduleConfig(**parameters), 10.0) for step in range(steps)]


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


def test_lengths_in_steps_and_in_epochs_are_those_in_shares():
    shares = factors(name="step", warmup=0.2, milestones=(0.4, 0.7))
    assert factors(name="step", warmup="20 steps", milestones=("40 steps", "7 epochs")) == shares
    assert factors(name="step", warmup="2 epochs", milestones=("4 epochs", "70 steps")) == shares


def test_with_a_full_first_step_the_warmup_is_arcface_torchs():
    """t / w, but the first step has the full rate."""
    course = factors(10, warmup="4 steps", first_warmup_step="full")
    assert course == pytest.approx([1, 0.25, 0.5, 0.75, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6])


@pytest.mark.parametrize(
    "warmup, number", [("10 steps", "10"), ("11 steps", "11"), ("3 epochs", "12"), (1.0, "10"), ("9 steps", None)]
)
def test_a_warmup_that_does_not_end_within_the_run_is_described(warmup, number):
    description = longer_warmup(ScheduleConfig(warmup=warmup), 10, steps_per_epoch=4)
    assert description is None if number is None else f"the warm-up of {number} steps" in description


def test_official_accumulation_takes_the_rate_of_the_last_micro_batch():
    """arcface_torch counts micro-batches: of 12, the pairs end at 1, 3, 5 ..."""
    config = TrainConfig(steps=6, epochs=None, micro_batches=2, accumulate="official")
    rates = Rates(config, 6, steps_per_epoch=2)
    assert [rates.factor(step) for step in range(6)] == pytest.approx([1 - t / 12 for t in range(1, 12, 2)])
    assert (rates.loss_weight, Rates(TrainConfig(micro_batches=2), 6, 2).loss_weight) == (1.0, 0.5)


@pytest.mark.parametrize("optimizer, factor", [(SGDConfig, 0.25), (AdamWConfig, 0.5)])
def test_the_rate_follows_the_batch_size_that_it_is_for(optimizer, factor):
    assert batch_scale(optimizer(lr_batch_size=1024), 256) == factor
    assert batch_scale(optimizer(), 256) == 1.0
