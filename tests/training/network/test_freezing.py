"""Frozen parts of a backbone."""

import pytest
import torch

from femb_cli.backbones import build_backbone
from femb_cli.errors import UsageError
from femb_cli.training.network.freezing import freeze, is_trained


def new_backbone():
    return build_backbone("iresnet18", embedding_dim=8, input_size=16, width=0.0625)


def step(backbone):
    """Compute a batch in training mode; return the names of the tensors that have changed or have a gradient."""
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    backbone.train()
    embeddings = backbone(torch.rand(4, 3, 16, 16))
    if embeddings.requires_grad:
        embeddings.square().sum().backward()
    changed = {name for name, value in backbone.state_dict().items() if not torch.equal(value, before[name])}
    return changed | {name for name, parameter in backbone.named_parameters() if parameter.grad is not None}


def test_nothing_is_frozen_by_default():
    backbone = new_backbone()
    freeze(backbone, ())
    assert step(backbone) == set(backbone.state_dict())


@pytest.mark.parametrize("part", ["layer1", "layer2.0.bn1", "conv1"])
def test_a_part_keeps_weights_and_statistics(part):
    backbone = new_backbone()
    freeze(backbone, [part])
    inside = {name for name in backbone.state_dict() if name.startswith(f"{part}.")}
    assert inside
    assert step(backbone) == set(backbone.state_dict()) - inside


def test_batch_norms_keep_weights_and_statistics():
    backbone = new_backbone()
    freeze(backbone, ["batch_norms"])
    norms = {name for name in backbone.state_dict() if "bn" in name or "downsample.1" in name or "features" in name}
    assert step(backbone) == set(backbone.state_dict()) - norms


def test_of_a_frozen_backbone_nothing_is_trained():
    backbone = new_backbone()
    freeze(backbone, ["backbone"])
    assert step(backbone) == set()
    assert not is_trained(backbone)


@pytest.mark.parametrize("part", ["layer", "layer9", "", "head"])
def test_an_unknown_part_is_refused(part):
    with pytest.raises(UsageError, match="no part") as caught:
        freeze(new_backbone(), [part])
    assert "layer1" in caught.value.hint
