"""The configuration of a vision transformer, read off its tensors."""

import pytest
import torch

from femb_cli.backbones import build_empty_backbone
from femb_cli.checkpoints.official.networks.vit import GATED_VIT, SMALL_PATCH_VIT, VIT
from femb_cli.checkpoints.official.networks_in_file import find_networks
from femb_cli.config.schema import ViTConfig
from femb_cli.errors import FembError


@pytest.mark.parametrize("name, input_size", [("vit_t", 112), ("vit_b", 18), ("vit_h", 225)])
def test_the_configuration_comes_back(name, input_size):
    config = ViTConfig(name, embedding_dim=32, input_size=input_size)
    tensors = build_empty_backbone(config).state_dict()
    assert VIT.marker in tensors
    assert VIT.config(tensors, config.bn_eps) == config


@pytest.mark.parametrize(
    "config", [ViTConfig("vit_s_p8"), ViTConfig("vit_b_p8"), ViTConfig("vit_s", weighs_tokens=True)]
)
def test_the_kinds_of_vit_are_told_apart(config):
    tensors = build_empty_backbone(config).state_dict()
    (found,) = find_networks({f"net.{name}": tensor for name, tensor in tensors.items()})
    assert found.architecture is (GATED_VIT if config.weighs_tokens else SMALL_PATCH_VIT)
    assert found.architecture.config(found.tensors, config.bn_eps) == config


def test_cvlfaces_network_without_a_mask_token_gets_one():
    tensors = build_empty_backbone(ViTConfig("vit_s_p8")).state_dict()
    del tensors["mask_token"]
    assert SMALL_PATCH_VIT.rename(tensors, 2e-5)["mask_token"].shape == (1, 1, 512)


def test_a_size_that_nobody_published_is_refused():
    tensors = {"pos_embed": torch.zeros(1, 4, 100), "blocks.0.mlp.fc1.weight": torch.zeros(400, 100)}
    with pytest.raises(FembError, match="no ViT has 1 blocks of 100 features with a hidden layer of 400"):
        VIT.config({**tensors, "patch_embed.proj.weight": torch.zeros(100, 3, 9, 9)}, 2e-5)
