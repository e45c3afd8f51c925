"""IR networks under the names of AdaFace, CVLface, TFace and face.evoLVe become IResNets that compute the same."""

import json

import insightface_pytorch
import pytest
import torch
from official_files import convert as convert_content
from official_files import ir
from safetensors.torch import save_file

from femb_cli.checkpoints.official import convert_checkpoint
from femb_cli.checkpoints.official.networks.ir import WITHOUT_INNER_NORM
from femb_cli.checkpoints.store import open_checkpoint
from femb_cli.errors import FembError


def convert(tmp_path, content, **options):
    card = convert_content(tmp_path, content, overwrite=True, **options)
    return card, open_checkpoint(tmp_path / "converted").load_backbone()


def test_tface_is_rgb_where_adaface_is_bgr(tmp_path):
    images = torch.randn(2, 3, 32, 32)
    card, tface = convert(tmp_path, ir(), family_name="tface")
    folded, adaface = convert(tmp_path, ir(), family_name="adaface")
    assert card.preprocessing.channel_order == folded.preprocessing.channel_order == "RGB"
    torch.testing.assert_close(adaface(images), tface(images.flip(1)))


def test_face_evolve_has_no_norm_before_its_prelu(tmp_path):
    _, network = convert(tmp_path, ir(layers=WITHOUT_INNER_NORM), family_name="face.evoLVe")
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


@pytest.mark.parametrize("key", ["body.9.extra.weight", "body.0.res_layer.7.weight"])
def test_a_tensor_that_no_ir_has_is_named(tmp_path, key):
    with pytest.raises(FembError, match=f"left over .*{key}"):
        convert(tmp_path, {**ir("model."), f"model.{key}": torch.zeros(1)})


def test_a_tensor_beside_the_network_is_named(tmp_path):
    remarks = []
    convert(tmp_path, {**ir("model."), "head.unknown": torch.zeros(1)}, family_name="adaface", say=remarks.append)
    assert remarks == [f"not converted, because they are beside the network in {tmp_path}/official.pth: head.unknown"]


@pytest.mark.parametrize("has_gate, backbone", [(False, "iresnet18"), (True, "irse18")])
def test_insightface_pytorchs_network_answers_as_before(tmp_path, has_gate, backbone):
    network, images = insightface_pytorch.ir(has_gate), torch.randn(2, 3, 32, 32)
    card, converted = convert(tmp_path, network.state_dict(), family_name="InsightFace_Pytorch")
    assert (card.backbone.name, card.preprocessing.channel_order, card.flip) == (backbone, "RGB", "none")
    torch.testing.assert_close(converted(images), network(images.flip(1)), atol=1e-5, rtol=1e-5)


def test_an_ir_se_is_likely_insightface_pytorchs_with_a_remark(tmp_path):
    remarks = []
    card, _ = convert(tmp_path, insightface_pytorch.ir(has_gate=True).state_dict(), say=remarks.append)
    assert card.source["family"] == "InsightFace_Pytorch"
    assert "BGR" in remarks[0]
    assert "--from face.evoLVe" in remarks[0]


def test_an_ir_se_with_inner_norms_has_its_gates_under_another_name(tmp_path):
    gates = {}
    for block in range(8):
        channels = 8 * 2 ** (block // 2)
        hidden = max(1, channels // 16)
        gates[f"body.{block}.res_layer.se_block.fc1.weight"] = torch.randn(hidden, channels, 1, 1)
        gates[f"body.{block}.res_layer.se_block.fc2.weight"] = torch.randn(channels, hidden, 1, 1)
    card, network = convert(tmp_path, {**ir(), **gates}, family_name="tface")
    assert card.backbone.name == "irse18"
    assert torch.equal(network.layer4[1].gate.fc2.weight, gates["body.7.res_layer.se_block.fc2.weight"])


def test_facex_zoo_divides_by_128_and_has_its_class_weights_beside(tmp_path):
    network = insightface_pytorch.ir(has_gate=True)
    named = {f"backbone.{name}": tensor for name, tensor in network.state_dict().items()}
    content = {"state_dict": {**named, "head.weight": torch.ones(8, 5)}, "epoch": 17, "batch_id": 3}
    card, _ = convert(tmp_path, content)
    assert (card.source["family"], card.num_identities) == ("FaceX-Zoo", 5)
    assert card.preprocessing.std[0] * 255 == 128


@pytest.mark.parametrize("block", [(8, 8, 3, 3), (30_000, 30_000, 0, 0)])
def test_an_ir_with_other_channels_in_its_first_block_is_refused(block, tmp_path):
    first = {"net.input_layer.0.weight": torch.ones(30_000, 1), "net.body.0.res_layer.1.weight": torch.ones(block)}
    with pytest.raises(FembError, match=r"body\.0\.res_layer\.1\.weight has the shape"):
        convert(tmp_path, {**first, "net.body.0.res_layer.2.running_mean": torch.ones(1)})
