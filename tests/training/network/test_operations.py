"""The operations of training."""

from femb_cli.backbones.operations import operations_to_embed
from femb_cli.config.schema import MobileFaceNetConfig
from femb_cli.training.network.operations import operations_of_an_image


def test_the_backward_pass_takes_twice_the_forward_pass():
    config = MobileFaceNetConfig()
    assert operations_of_an_image(config) == 3 * operations_to_embed(config) > 0
