"""What holds for every network: shapes, official names of tensors, independence of the batch."""

import json

import pytest
import torch

from femb_cli.backbones import Backbone, build_backbone
from femb_cli.config.schema import BackboneConfig
from femb_cli.config.section import choices
from femb_cli.errors import UsageError

OFFICIAL = {
    "at_r18": ("iresnet18", {}),
    "at_r50": ("iresnet50", {}),
    "at_mbf": ("mbf", {}),
    "at_mbf_large": ("mbf_large", {}),
    "foamliu_mobilefacenet": ("mobilefacenet", {"embedding_dim": 128}),
}
SMALL = {"iresnet18": {"width": 0.125}, "mobilefacenet": {}, "mbf": {}}


def small(name, **parameters):
    torch.manual_seed(0)
    return build_backbone(name, embedding_dim=16, **SMALL[name], **parameters).eval()


@pytest.mark.parametrize("name", choices(BackboneConfig))
def test_every_listed_backbone_is_built_from_its_name(name):
    with torch.device("meta"):
        backbone = build_backbone(name, embedding_dim=24, input_size=64)
        assert isinstance(backbone, Backbone)
        assert backbone.eval()(torch.empty(2, 3, 64, 64)).shape == (2, 24)


@pytest.mark.parametrize("size", [112, 56, 32, 100])
@pytest.mark.parametrize("name", SMALL)
def test_input_size_can_be_chosen(name, size):
    backbone = small(name, input_size=size)
    assert (backbone.input_size, backbone.embedding_dim) == (size, 16)
    assert backbone(torch.rand(1, 3, size, size)).shape == (1, 16)


@pytest.mark.parametrize("name", SMALL)
def test_an_image_alone_has_the_embedding_that_it_has_in_a_batch(name):
    backbone = small(name, input_size=56)
    images = 2 * torch.rand(4, 3, 56, 56, generator=torch.Generator().manual_seed(0)) - 1
    with torch.inference_mode():
        together = backbone(images)
        alone = torch.cat([backbone(image[None]) for image in images])
    torch.testing.assert_close(alone, together, rtol=1e-4, atol=1e-5 * together.abs().max().item())


@pytest.mark.parametrize("name", SMALL)
def test_all_parameters_learn(name):
    backbone = small(name, input_size=32).train()
    backbone(torch.rand(4, 3, 32, 32)).square().sum().backward()
    assert [n for n, p in backbone.named_parameters() if p.grad is None or not p.grad.isfinite().all()] == []


@pytest.mark.parametrize("case", OFFICIAL)
def test_tensors_have_the_official_names_and_shapes(shared, case):
    name, parameters = OFFICIAL[case]
    rows = json.loads((shared / f"golden/checkpoints/cases/{case}.json").read_text())["state_dicts"]["backbone"]
    with torch.device("meta"):
        own = build_backbone(name, **parameters).state_dict()
    assert {key: list(tensor.shape) for key, tensor in own.items()} == {row[0]: row[1] for row in rows}


@pytest.mark.parametrize("name", ["iresnet18", "mbf", "mobilefacenet"])
def test_batch_norm_epsilon_reaches_every_layer(name):
    norms = [m for m in small(name, bn_eps=3e-4).modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    assert norms
    assert {norm.eps for norm in norms} == {3e-4}


def test_unknown_backbone_suggests_the_nearest():
    with pytest.raises(UsageError, match="'iresnet51'") as caught:
        build_backbone("iresnet51")
    assert "iresnet50" in caught.value.hint


@pytest.mark.parametrize("parameters", [{"embedding_dim": 0}, {"input_size": 8}, {"dropout": 1.0}, {"width": -1}])
def test_bad_value_names_the_parameter(parameters):
    with pytest.raises(UsageError, match=next(iter(parameters))):
        build_backbone("iresnet18", **parameters)
