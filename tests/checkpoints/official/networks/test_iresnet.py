"""The configuration of an IResNet, read off its tensors."""

import pytest
import torch
from official_files import convert, iresnet

from femb_cli.backbones import build_backbone
from femb_cli.backbones.iresnet import CHANNELS
from femb_cli.checkpoints.official.networks.iresnet import iresnet_config, width_of
from femb_cli.config.schema import IResNetConfig
from femb_cli.errors import FembError


@pytest.mark.parametrize(
    "config",
    [
        IResNetConfig("iresnet18", width=0.125, embedding_dim=8, input_size=32),
        IResNetConfig("iresnet50", width=0.0625, embedding_dim=16, input_size=48, bn_eps=2e-5),
        IResNetConfig("iresnet100", embedding_dim=512, input_size=112),
    ],
)
def test_the_configuration_comes_back(config):
    with torch.device("meta"):
        tensors = build_backbone(
            config.name, width=config.width, embedding_dim=config.embedding_dim, input_size=config.input_size
        ).state_dict()
    assert iresnet_config(tensors, config.bn_eps) == config


def test_a_linear_layer_of_one_dimension_is_refused(tmp_path):
    with pytest.raises(FembError, match=r"fc\.weight"):
        convert(tmp_path, {**iresnet(), "fc.weight": torch.zeros(8)})


@pytest.mark.parametrize("width", [0.05, 0.1, 0.33, 0.5, 1.0, 1.5])
def test_the_width_that_is_found_gives_the_channels_that_are_there(width):
    channels = [max(1, round(width * usual)) for usual in CHANNELS]
    found = width_of(channels)
    assert [max(1, round(found * usual)) for usual in CHANNELS] == channels


def test_stages_of_no_width_are_refused():
    with pytest.raises(FembError, match="stages of 64, 64, 128, 256, 500 channels"):
        width_of([64, 64, 128, 256, 500])
