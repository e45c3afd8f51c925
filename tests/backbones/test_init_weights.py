"""Fresh weights: the same for the same seed, and drawn only where they are wanted."""

import pytest
import torch

from femb_cli.backbones import build_backbone, build_empty_backbone
from femb_cli.config.schema import IResNetConfig

# Of seed 0: the first numbers of the first and of the last matrix, and the number that is drawn next.
SEEDED = {
    "iresnet18": ({"width": 0.125}, [0.178481, 0.133438, 0.052661], [0.050194, 0.053259, 0.011155], 0.115127),
    "mobilefacenet": ({}, [0.073952, 0.036003, -0.098786], [0.174073, 0.174315, 0.098859], 0.696057),
    "vit_t": ({}, [-0.016603, -0.013161, 0.005450], [0.002678, 0.013682, -0.026000], 0.459219),
}


@pytest.mark.parametrize("name", SEEDED)
def test_a_seed_always_gives_the_same_weights_and_leaves_the_same_numbers_to_draw(name):
    parameters, first, last, following = SEEDED[name]
    torch.manual_seed(0)
    backbone = build_backbone(name, embedding_dim=8, input_size=32, **parameters)
    matrices = [parameter.detach().flatten() for parameter in backbone.parameters() if parameter.ndim > 1]
    assert matrices[0][:3].tolist() == pytest.approx(first, abs=2e-6)
    assert matrices[-1][:3].tolist() == pytest.approx(last, abs=2e-6)
    assert torch.rand(1).item() == pytest.approx(following, abs=2e-6)


def test_convolutions_have_the_deviation_of_hes_distribution():
    torch.manual_seed(0)
    weight = build_backbone("iresnet18", width=0.5).layer4[0].conv2.weight
    outputs = weight.shape[0] * 9
    assert weight.std().item() == pytest.approx((2 / outputs) ** 0.5, rel=0.01)


def test_an_empty_backbone_has_shapes_and_draws_nothing():
    state = torch.get_rng_state()
    backbone = build_empty_backbone(IResNetConfig())
    assert all(tensor.is_meta for tensor in backbone.state_dict().values())
    assert torch.equal(torch.get_rng_state(), state)
