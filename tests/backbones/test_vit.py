"""The vision transformer: sizes, attention, regularisers, and export to other formats."""

import copy
import json

import numpy as np
import pytest
import torch

from femb_cli.backbones import build_backbone
from femb_cli.backbones.vit import SIZES, Attention, Mlp, Size, ViT
from femb_cli.errors import UsageError


@pytest.fixture(autouse=True)
def _size_for_tests(monkeypatch):
    monkeypatch.setitem(SIZES, "four_narrow_blocks", Size(64, 4))


def small(**parameters):
    """A network of four narrow blocks for images of four tokens."""
    torch.manual_seed(0)
    published = {"drop_path": 0.1, "mask_ratio": 0.1, "weighs_tokens": False, "bn_eps": 2e-5}
    backbone = ViT("four_narrow_blocks", **{"embedding_dim": 16, "input_size": 18} | published | parameters)
    backbone.init_weights()
    return backbone


def images(count, size=18):
    return 2 * torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(1)) - 1


def test_parameters_are_as_many_as_published():
    with torch.device("meta"):
        backbone = build_backbone("vit_t")
    # Positions and mask token are parameters; the running statistics of batch norms are not.
    assert sum(parameter.numel() for parameter in backbone.parameters()) == 19_137_792


def test_tensors_have_the_official_names_shapes_and_order(shared):
    case = json.loads((shared / "golden/checkpoints/cases/at_vit_t.json").read_text())
    with torch.device("meta"):
        own = build_backbone("vit_t").state_dict()
    assert [(key, list(tensor.shape)) for key, tensor in own.items()] == [
        (row[0], row[1]) for row in case["state_dicts"]["backbone"]
    ]


@pytest.mark.parametrize("name", SIZES)
def test_parameters_of_every_size_follow_from_features_and_depth(name):
    size = SIZES[name]
    features, hidden, tokens = size.features, size.expansion * size.features, {9: 144, 8: 196}[size.patch]
    with torch.device("meta"):
        backbone = build_backbone(name)
    block = 4 * features**2 + 2 * hidden * features + hidden + 6 * features
    around = 3 * size.patch**2 * features + features + tokens * features + features + 2 * features
    head = tokens * features**2 + 2 * features + 512 * features + 2 * 512
    assert sum(parameter.numel() for parameter in backbone.parameters()) == size.depth * block + around + head


def test_a_gate_weighs_each_token_by_a_factor_that_depends_on_all():
    gated, plain = small(weighs_tokens=True).eval(), small().eval()
    plain.load_state_dict({name: tensor for name, tensor in gated.state_dict().items() if not name.startswith("senet")})
    tokens_BNF = plain.norm(plain.blocks(plain.patch_embed(images(2)) + plain.pos_embed))
    first, second = gated.senet[0].weight, gated.senet[2].weight
    factors_BN = torch.sigmoid(torch.relu(tokens_BNF.flatten(1) @ first.T) @ second.T)
    expected = plain.feature((tokens_BNF * factors_BN[:, :, None]).flatten(1))
    torch.testing.assert_close(gated(images(2)), expected)
    assert not torch.allclose(gated(images(2)), plain(images(2)))


@pytest.mark.parametrize(("size", "tokens"), [(9, 1), (17, 1), (18, 4), (112, 144), (224, 576)])
def test_a_larger_image_has_more_tokens_of_nine_pixels(size, tokens):
    with torch.device("meta"):
        backbone = build_backbone("vit_t", input_size=size).eval()
        assert backbone(torch.empty(2, 3, size, size)).shape == (2, 512)
    assert backbone.pos_embed.shape == (1, tokens, 256)
    assert backbone.feature[0].in_features == 256 * tokens


def test_pixels_beyond_the_last_whole_patch_are_ignored():
    backbone = small(input_size=22).eval()
    seen, changed = images(1, 22), images(1, 22)
    changed[:, :, 18:], changed[:, :, :, 18:] = 0, 0
    assert torch.equal(backbone(seen), backbone(changed))


def test_an_image_smaller_than_a_patch_is_refused():
    with pytest.raises(UsageError, match="input_size = 8"):
        build_backbone("vit_t", input_size=8)


@pytest.mark.parametrize("parameters", [{"drop_path": 1.0}, {"mask_ratio": 1.0}, {"mask_ratio": -0.1}])
def test_a_rate_that_leaves_nothing_is_refused(parameters):
    with pytest.raises(UsageError, match=next(iter(parameters))):
        build_backbone("vit_t", **parameters)


def test_attention_mixes_values_by_the_softmax_of_scaled_products():
    torch.manual_seed(0)
    attention = Attention(32).double()
    x = torch.randn(1, 5, 32, dtype=torch.float64)
    query, key, value = (x[0] @ attention.qkv.weight.T).split(32, dim=1)
    heads = []
    for head in range(8):
        columns = slice(4 * head, 4 * head + 4)
        scores = query[:, columns] @ key[:, columns].T / 4**0.5
        heads.append(scores.softmax(dim=1) @ value[:, columns])
    torch.testing.assert_close(attention(x)[0], attention.proj(torch.cat(heads, dim=1)))


def test_the_softmax_of_attention_is_float32_under_autocast(monkeypatch):
    dtypes = []
    original = torch.nn.functional.scaled_dot_product_attention

    def spy(query, key, value):
        mixed = original(query, key, value)
        dtypes.append({query.dtype, key.dtype, value.dtype, mixed.dtype})
        return mixed

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", spy)
    with torch.autocast("cpu", torch.bfloat16):
        assert Attention(32)(torch.randn(1, 5, 32)).dtype == torch.bfloat16
    assert dtypes == [{torch.float32}]


def test_a_hidden_value_stays_between_0_and_6():
    mlp = Mlp(1)
    torch.nn.init.ones_(mlp.fc1.weight)
    torch.nn.init.zeros_(mlp.fc1.bias)
    torch.nn.init.constant_(mlp.fc2.weight, 0.25)
    torch.nn.init.zeros_(mlp.fc2.bias)
    assert mlp(torch.tensor([-2.0, 5.0, 7.0])[:, None]).flatten().tolist() == [0, 5, 6]


def test_epsilon_is_that_of_the_two_batch_norms_and_as_published_by_default():
    with torch.device("meta"):
        default, chosen = build_backbone("vit_t").feature, build_backbone("vit_t", bn_eps=3e-4).feature
    assert (default[1].eps, default[3].eps) == (2e-5, 2e-5)
    assert (chosen[1].eps, chosen[3].eps) == (3e-4, 3e-4)


def test_double_precision_stays_double():
    backbone = small().double().eval()
    assert backbone(images(2).double()).dtype == torch.float64


def test_embeddings_do_not_depend_on_the_rates():
    plain, rated = small(drop_path=0.0, mask_ratio=0.0).eval(), small(drop_path=0.9, mask_ratio=0.9).eval()
    rated.load_state_dict(plain.state_dict())
    assert torch.equal(plain(images(2)), rated(images(2)))


def test_training_without_rates_computes_what_evaluation_does():
    blocks = small(drop_path=0.0, mask_ratio=0.0).blocks
    x = torch.randn(2, 4, 64)
    assert torch.equal(blocks.train()(x), blocks.eval()(x))


@pytest.mark.parametrize("parameters", [{"drop_path": 0.5, "mask_ratio": 0.0}, {"drop_path": 0.0, "mask_ratio": 0.5}])
def test_each_rate_makes_training_random(parameters):
    backbone = small(**parameters).train()
    assert not torch.allclose(backbone(images(4)), backbone(images(4)))


class ZeroTokens(torch.nn.Module):
    def forward(self, tokens):
        return torch.zeros_like(tokens)


def test_an_image_skips_a_block_entirely_or_takes_it_scaled_up():
    torch.manual_seed(0)
    block = small(drop_path=0.5).blocks[-1].train()
    block.attn, block.mlp = torch.nn.Identity(), torch.nn.Flatten(2)  # one of the two halves at a time
    tokens = torch.randn(200, 4, 64)
    block.norm1, block.norm2 = torch.nn.Identity(), ZeroTokens()
    factors = (block(tokens) / tokens - 1).flatten(1)
    assert set(factors.round(decimals=4).unique().tolist()) == {0.0, 2.0}
    assert (factors.amax(1) - factors.amin(1)).max() < 1e-4
    assert 60 < (factors[:, 0] < 1).sum() < 140


def test_the_probability_of_skipping_grows_with_depth():
    rates = [block.drop_path for block in small(drop_path=0.3).blocks]
    np.testing.assert_allclose(rates, 0.1 * np.arange(4), atol=1e-12)


def test_the_mask_token_replaces_tokens_that_were_left_out():
    backbone = small(input_size=36, mask_ratio=0.25).train()
    backbone.blocks = torch.nn.Identity()
    tokens = torch.randn(6, 16, 64)
    masked = backbone._blocks_of_a_subset(tokens)
    is_mask, is_kept = (masked == backbone.mask_token).all(2), (masked == tokens).all(2)
    assert torch.equal(is_mask, ~is_kept)
    assert is_mask.sum(1).tolist() == [4] * 6
    assert len(is_mask.unique(dim=0)) > 1


def test_the_published_ratio_leaves_129_of_144_tokens_for_the_blocks():
    backbone = small(input_size=112, embedding_dim=4).train()
    seen = []
    backbone.blocks = torch.nn.Identity()
    backbone.blocks.register_forward_hook(lambda _module, inputs, _output: seen.append(inputs[0].shape))
    backbone(images(2, 112))
    assert seen == [(2, 129, 64)]


@pytest.mark.parametrize("mask_ratio", [0.0, 0.3])
def test_every_parameter_that_requires_a_gradient_gets_one(mask_ratio):
    backbone = small(mask_ratio=mask_ratio).train()
    backbone(images(4)).square().sum().backward()
    learning = {name for name, parameter in backbone.named_parameters() if parameter.requires_grad}
    assert learning == {name for name, parameter in backbone.named_parameters() if parameter.grad is not None}
    assert ("mask_token" in learning) == (mask_ratio > 0)


def test_a_step_reduces_the_loss():
    backbone = small(drop_path=0.0, mask_ratio=0.0).train()
    optimizer = torch.optim.AdamW(backbone.parameters(), 1e-3)
    target = torch.randn(8, 16, generator=torch.Generator().manual_seed(2))

    def loss():
        return (backbone(images(8)) - target).square().mean()

    before = loss()
    before.backward()
    optimizer.step()
    assert loss() < before - 0.05


def test_fresh_weights_have_the_deviation_of_their_distribution():
    backbone = small()
    for weight in (backbone.pos_embed, backbone.patch_embed.proj.weight, backbone.blocks[2].mlp.fc1.weight):
        assert weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert not backbone.blocks[3].mlp.fc1.bias.any()


def test_a_traced_network_takes_any_batch():
    backbone = small().eval()
    traced = torch.jit.trace(copy.deepcopy(backbone), images(2))
    torch.testing.assert_close(traced(images(5)), backbone(images(5)))


@pytest.mark.slow
def test_an_onnx_file_takes_any_batch(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    backbone = small().eval()
    file = tmp_path / "vit.onnx"
    batch = {"images_B3HW": {0: torch.export.Dim("batch")}}
    torch.onnx.export(
        backbone, (images(2),), file, input_names=["images"], dynamic_shapes=batch, dynamo=True, verbose=False
    )
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    for count in (1, 3):
        (found,) = session.run(None, {"images": images(count).numpy()})
        np.testing.assert_allclose(found, backbone(images(count)).detach().numpy(), atol=1e-5)
