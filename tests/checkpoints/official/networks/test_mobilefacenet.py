"""The configuration of a MobileFaceNet, read off its tensors."""

import pytest

from femb_cli.backbones import build_empty_backbone
from femb_cli.checkpoints.official.networks.mobilefacenet import MOBILEFACENET, WIDE_MOBILEFACENET
from femb_cli.config.schema import MobileFaceNetConfig

CASES = [
    (WIDE_MOBILEFACENET, MobileFaceNetConfig("mbf", embedding_dim=32, input_size=32)),
    (WIDE_MOBILEFACENET, MobileFaceNetConfig("mbf_large", embedding_dim=512, input_size=112, bn_eps=1e-3)),
    (MOBILEFACENET, MobileFaceNetConfig("mobilefacenet", embedding_dim=128, input_size=112)),
]


@pytest.mark.parametrize("architecture, config", CASES)
def test_the_configuration_comes_back(architecture, config):
    tensors = build_empty_backbone(config).state_dict()
    assert architecture.marker in tensors
    assert config.name in architecture.backbones
    assert architecture.config(tensors, config.bn_eps) == config
