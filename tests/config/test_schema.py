"""The schema: its defaults, and the combinations of values that it refuses."""

from dataclasses import FrozenInstanceError, fields

import pytest

from femb_cli.config.check import check
from femb_cli.config.schema import (
    AugmentConfig,
    BackboneConfig,
    DataConfig,
    HeaderConfig,
    InitConfig,
    OptimizerConfig,
    TrainConfig,
)
from femb_cli.config.section import choices
from femb_cli.errors import UsageError

UNIONS = {
    "header": HeaderConfig,
    "backbone": BackboneConfig,
    "data": DataConfig,
    "optimizer": OptimizerConfig,
    "augment": AugmentConfig,
}
ENTRIES = [(union, name) for union in UNIONS.values() for name in choices(union)]


@pytest.mark.parametrize(("union", "name"), ENTRIES, ids=lambda value: value if isinstance(value, str) else "")
def test_the_defaults_of_every_entry_pass_their_own_checks(union, name):
    entry = choices(union)[name](name=name)
    tree = {item.name: getattr(entry, item.name) for item in fields(entry)}
    assert check(tree, union) == entry


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({"header": {"name": "magface", "l_a": 120}}, "l_a = 120.0, u_a = 110.0"),
        ({"header": {"name": "magface", "l_margin": 0.9}}, "l_margin = 0.9"),
        ({"header": {"name": "sphereface", "variant": "negatives", "annealing": 1}}, "annealing = 1 has no effect"),
        ({"header": {"name": "elasticface", "official_order": True}}, "official_order has no effect"),
        ({"optimizer": {"nesterov": True, "momentum": 0}}, "optimizer.momentum above 0"),
        ({"init": {"classifier": True}}, "needs a checkpoint"),
        (
            {"augment": ["flip", {"name": "jpeg", "quality": [90, 30]}]},
            "quality = [90, 30] begins with",
        ),
    ],
)
def test_values_that_contradict_each_other_are_refused(tree, words):
    with pytest.raises(UsageError) as caught:
        check(tree, TrainConfig)
    assert words in caught.value.message


@pytest.mark.parametrize(
    "tree",
    [{"workers": 10**6}, {"seed": 2**70}, {"data": {"seed": 2**54}}, {"backbone": {"embedding_dim": 10**12}}],
)
def test_values_that_no_machine_can_compute_with_are_refused(tree):
    with pytest.raises(UsageError, match=r"workers|seed|embedding_dim"):
        check(tree, TrainConfig)


def test_the_seed_stays_the_last_setting():
    """By its seed a run's configuration is known to be whole."""
    assert fields(TrainConfig)[-1].name == "seed"


def test_a_configuration_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        TrainConfig().batch_size = 1  # type: ignore[misc]
    assert TrainConfig() == TrainConfig()
    assert hash(InitConfig()) == hash(InitConfig())
