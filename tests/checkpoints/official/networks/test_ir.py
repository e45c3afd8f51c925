"""IR networks under the names of AdaFace, CVLface, TFace and face.evoLVe become IResNets that compute the same."""

import json

import pytest
import torch
from safetensors.torch import save_file

from femb_cli.backbones import build_backbone
from femb_cli.checkpoints.official import convert_checkpoint
from femb_cli.checkpoints.official.networks.ir import OUTSIDE_BLOCKS, SHORTCUT, WITH_INNER_NORM, WITHOUT_INNER_NORM
from femb_cli.checkpoints.store import open_checkpoint
from femb_cli.errors import FembError

BLOCK_OF_OWN = {f"layer{stage}.{index}": 2 * (stage - 1) + index for stage in (1, 2, 3, 4) for index in (0, 1)}


def ir(prefix="", layers=WITH_INNER_NORM):
    """The tensors of a small IResNet under an IR's names, without those that an IR does not have."""
    torch.manual_seed(0)
    own = build_backbone("iresnet18", width=0.125, embedding_dim=8, input_size=32).state_dict()
    outside = {ours: theirs for theirs, ours in OUTSIDE_BLOCKS.items()}
    inside = {name: f"res_layer.{index}" for index, name in enumerate(layers)}
    inside |= {ours: theirs for theirs, ours in SHORTCUT.items()}
    named = {}
    for name, tensor in own.items():
        module, leaf = name.rsplit(".", 1)
        block, layer = ".".join(module.split(".")[:2]), ".".join(module.split(".")[2:])
        if module.startswith("layer1.0.downsample") or name in ("features.weight", "features.bias"):
            continue
        if module in outside:
            named[f"{prefix}{outside[module]}.{leaf}"] = tensor
        elif layer in inside:
            named[f"{prefix}body.{BLOCK_OF_OWN[block]}.{inside[layer]}.{leaf}"] = tensor
    return named


def convert(tmp_path, content, **options):
    torch.save(content, tmp_path / "official.pth")
    card = convert_checkpoint(tmp_path / "official.pth", tmp_path / "converted", overwrite=True, **options)
    return card, open_checkpoint(tmp_path / "converted").load_backbone()


def test_a_plain_ir_could_be_of_two_families_and_asks(tmp_path):
    with pytest.raises(FembError, match="adaface or tface") as caught:
        convert(tmp_path, ir())
    assert "--from adaface or --from tface" in caught.value.hint


def test_tface_is_rgb_where_adaface_is_bgr(tmp_path):
    images = torch.randn(2, 3, 32, 32)
    card, tface = convert(tmp_path, ir(), family_name="tface")
    folded, adaface = convert(tmp_path, ir(), family_name="adaface")
    assert card.preprocessing.channel_order == folded.preprocessing.channel_order == "RGB"
    torch.testing.assert_close(adaface(images), tface(images.flip(1)))


def test_a_prefix_of_parallel_training_is_taken_off(tmp_path):
    card, _ = convert(tmp_path, ir("module."))
    assert card.source["family"] == "tface"


def test_face_evolve_has_no_norm_before_its_prelu(tmp_path):
    card, network = convert(tmp_path, ir(layers=WITHOUT_INNER_NORM))
    assert card.source["family"] == "face.evoLVe"
    inner = network.layer2[1].bn2.double()
    values = torch.randn(2, len(inner.weight), 3, 3, dtype=torch.float64)
    torch.testing.assert_close(inner(values), values, rtol=1e-11, atol=0)


def test_the_shortcut_without_tensors_takes_every_second_pixel(tmp_path):
    _, network = convert(tmp_path, ir(), family_name="tface")
    values = torch.randn(2, 8, 6, 6)
    torch.testing.assert_close(network.layer1[0].downsample(values), values[:, :, ::2, ::2])


@pytest.mark.parametrize("settings", [{"model.yaml": "color_space: {}"}, {"config.json": None}])
@pytest.mark.parametrize("prefix", ["net.", "model.net."])
def test_cvlfaces_order_of_colours_is_read(tmp_path, settings, prefix):
    images = torch.randn(2, 3, 32, 32)
    outputs = {}
    for colours in ("RGB", "BGR"):
        for name, text in settings.items():
            conf = json.dumps({"conf": {"color_space": colours}})
            (tmp_path / name).write_text(text.format(colours) if text else conf)
        save_file({key: tensor.clone() for key, tensor in ir(prefix).items()}, tmp_path / "model.safetensors")
        destination = tmp_path / colours
        convert_checkpoint(tmp_path / "model.safetensors", destination, say=lambda _: None)
        outputs[colours] = open_checkpoint(destination).load_backbone()(images.flip(1) if colours == "BGR" else images)
    torch.testing.assert_close(outputs["BGR"], outputs["RGB"])


def test_cvlface_without_settings_is_taken_for_rgb_with_a_remark(tmp_path):
    warnings = []
    convert(tmp_path, ir("net."), say=warnings.append)
    assert "taken for RGB" in warnings[0]


def test_another_order_of_colours_is_refused(tmp_path):
    (tmp_path / "model.yaml").write_text("color_space: YUV")
    with pytest.raises(FembError, match="YUV"):
        convert(tmp_path, ir("net."))


def test_adaface_states_its_header(tmp_path):
    given = {"head": "adaface", "s": 64.0, "m": 0.4, "h": 0.333, "t_alpha": 0.01, "custom_num_class": -1}
    state = ir("model.") | {"head.kernel": torch.zeros(8, 5), "head.t": torch.zeros(1)}
    card, _ = convert(tmp_path, {"state_dict": state, "hyper_parameters": given})
    assert card.header == {"name": "adaface", "scale": 64.0, "margin": 0.4, "h": 0.333, "t_alpha": 0.01}
    assert (card.num_identities, card.magnitude_is_quality) == (5, True)


def test_a_number_of_identities_that_contradicts_the_class_weights_is_refused(tmp_path):
    state = ir("model.") | {"head.kernel": torch.zeros(8, 5)}
    with pytest.raises(FembError, match="states 7 identities but has class weights of 5"):
        convert(tmp_path, {"state_dict": state, "hyper_parameters": {"custom_num_class": 7}})


@pytest.mark.parametrize("key", ["body.9.extra.weight", "body.0.res_layer.7.weight"])
def test_a_tensor_that_no_ir_has_is_named(tmp_path, key):
    with pytest.raises(FembError, match=f"left over .*{key}"):
        convert(tmp_path, {**ir("model."), f"model.{key}": torch.zeros(1)})


def test_a_tensor_beside_the_network_is_named(tmp_path):
    with pytest.raises(FembError, match=r"left over .*head\.unknown"):
        convert(tmp_path, {**ir("model."), "head.unknown": torch.zeros(1)})
