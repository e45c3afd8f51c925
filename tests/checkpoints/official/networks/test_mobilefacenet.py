"""The configuration of a MobileFaceNet, read off its tensors."""

import insightface_pytorch
import pytest
import torch
from official_files import convert

from femb_cli.backbones import build_empty_backbone
from femb_cli.checkpoints.official.networks.mobilefacenet import MOBILEFACENET, WIDE_MOBILEFACENET
from femb_cli.checkpoints.store import open_checkpoint
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


def test_insightface_pytorchs_network_answers_as_before(tmp_path):
    network, images, remarks = insightface_pytorch.mobilefacenet(), torch.randn(2, 3, 32, 32), []
    card = convert(tmp_path, network.state_dict(), say=remarks.append)
    assert (card.backbone.name, card.source["family"]) == ("mbf_small", "InsightFace_Pytorch")
    assert "--from FaceX-Zoo" in remarks[0]
    converted = open_checkpoint(tmp_path / "converted").load_backbone()
    torch.testing.assert_close(converted(images), network(images.flip(1)), atol=1e-5, rtol=1e-5)
