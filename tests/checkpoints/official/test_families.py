"""What is known of each family, and that reading and writing know the same."""

import pytest

from femb_cli.backbones.iresnet import IR_BLOCKS
from femb_cli.checkpoints.official.families import ARCFACE_TORCH, FAMILIES, LAYOUTS, MAGFACE, SEED
from femb_cli.checkpoints.official.networks.iresnet import IRESNET
from femb_cli.checkpoints.official.networks.vit import VIT
from femb_cli.config.registry import choices
from femb_cli.config.schema import BackboneConfig


def test_every_backbone_of_femb_is_an_architecture_of_some_family():
    known = {name for family in FAMILIES.values() for one in family.architectures for name in one.backbones}
    assert known == set(choices(BackboneConfig)) - set(IR_BLOCKS)  # AdaFace's files become IResNets


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_a_backbone_is_one_architecture_of_a_family_at_most(family):
    names = [name for one in family.architectures if one.rename is None for name in one.backbones]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    "family, backbone, bn_eps",
    [(ARCFACE_TORCH, "iresnet50", 1e-5), (ARCFACE_TORCH, "vit_b", 2e-5), (MAGFACE, "iresnet50", 2e-5)],
)
def test_the_epsilon_is_the_architectures_where_it_has_one_of_its_own(family, backbone, bn_eps):
    assert family.bn_eps_of(family.architecture_of(backbone)) == bn_eps


def test_a_backbone_that_a_family_does_not_have_is_none_of_its_architectures():
    assert SEED.architecture_of("iresnet18") is IRESNET
    assert ARCFACE_TORCH.architecture_of("vit_t") is VIT
    assert SEED.architecture_of("vit_t") is None


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_a_layout_that_is_written_keeps_the_names_of_fembs_tensors(layout):
    assert all(architecture.rename is None for architecture in layout.family.architectures)
