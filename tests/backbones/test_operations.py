"""The operations of a network are those that its papers state."""

import pytest

from femb_cli.backbones.operations import operations_to_embed
from femb_cli.config.schema import IResNetConfig, MobileFaceNetConfig


@pytest.mark.parametrize("name, billions", [("iresnet18", 2.62), ("iresnet50", 6.33), ("iresnet100", 12.12)])
def test_iresnets_take_the_multiplications_that_arcface_torch_states(name, billions):
    """It counts batch norms, too, which are half a percent."""
    multiplications = operations_to_embed(IResNetConfig(name=name)) / 2
    assert multiplications / 1e9 == pytest.approx(billions, rel=0.006)


def test_half_the_width_is_about_a_quarter():
    whole, half = (operations_to_embed(IResNetConfig(name="iresnet50", width=width)) for width in (1.0, 0.5))
    assert half / whole == pytest.approx(0.25, abs=0.01)
    assert operations_to_embed(MobileFaceNetConfig()) < half
