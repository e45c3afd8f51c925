"""The configuration of a vision transformer, read off its tensors."""

import pytest
import torch

from femb_cli.backbones import build_empty_backbone
from femb_cli.checkpoints.official.networks.vit import VIT
from femb_cli.config.schema import ViTConfig
from femb_cli.errors import FembError


@pytest.mark.parametrize("name, input_size", [("vit_t", 112), ("vit_b", 18), ("vit_h", 225)])
def test_the_configuration_comes_back(name, input_size):
    config = ViTConfig(name, embedding_dim=32, input_size=input_size)
    tensors = build_empty_backbone(config).state_dict()
    assert VIT.marker in tensors
    assert VIT.config(tensors, config.bn_eps) == config


def test_a_size_that_nobody_published_is_refused():
    tensors = {"pos_embed": torch.zeros(1, 4, 100), "blocks.0.norm1.weight": torch.zeros(100)}
    with pytest.raises(FembError, match="no ViT has 1 blocks of 100 features"):
        VIT.config(tensors, 2e-5)
