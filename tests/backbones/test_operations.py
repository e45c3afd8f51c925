"""The operations of a network are those that its papers state, and the listed sizes are those of the networks."""

import pytest

from femb_cli.backbones import build_empty_backbone
from femb_cli.backbones.operations import operations_to_embed
from femb_cli.config.network_sizes import NETWORK_SIZES
from femb_cli.config.registry import choices, make
from femb_cli.config.schema import BackboneConfig, IResNetConfig, MobileFaceNetConfig


@pytest.mark.parametrize("name, billions", [("iresnet18", 2.62), ("iresnet50", 6.33), ("iresnet100", 12.12)])
def test_iresnets_take_the_multiplications_that_arcface_torch_states(name, billions):
    """It counts batch norms, too, which are half a percent."""
    multiplications = operations_to_embed(IResNetConfig(name=name)) / 2
    assert multiplications / 1e9 == pytest.approx(billions, rel=0.006)


def test_half_the_width_is_about_a_quarter():
    whole, half = (operations_to_embed(IResNetConfig(name="iresnet50", width=width)) for width in (1.0, 0.5))
    assert half / whole == pytest.approx(0.25, abs=0.01)
    assert operations_to_embed(MobileFaceNetConfig()) < half


@pytest.mark.parametrize(
    "name",
    ["iresnet18", *(pytest.param(name, marks=pytest.mark.slow) for name in NETWORK_SIZES if name != "iresnet18")],
)
def test_the_listed_sizes_are_those_of_the_networks(name):
    config = make(BackboneConfig, name)
    parameters = sum(parameter.numel() for parameter in build_empty_backbone(config).parameters())
    assert (parameters, operations_to_embed(config), config.input_size) == NETWORK_SIZES[name]


def test_every_backbone_has_a_listed_size():
    assert set(NETWORK_SIZES) == set(choices(BackboneConfig))
