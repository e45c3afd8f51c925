"""Official layouts: what is written comes back exactly, and is refused where its program would embed wrongly."""

import json
import runpy

import pytest
import torch

from femb_cli.backbones import build_configured_backbone
from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.official import convert_checkpoint
from femb_cli.checkpoints.store import open_checkpoint, save_checkpoint
from femb_cli.config.schema import IResNetConfig, MobileFaceNetConfig, ViTConfig
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.errors import FembError
from femb_cli.export import ExportPlan, export_checkpoint

RGB = Preprocessing(32)
BGR = Preprocessing(32, "BGR", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


def config(bn_eps):
    return IResNetConfig("iresnet18", embedding_dim=8, input_size=32, width=0.0625, bn_eps=bn_eps)


ARCFACE = ModelCard(config(1e-5), RGB)
MAGFACE = ModelCard(config(2e-5), BGR, flip="none", magnitude_is_quality=True)
SEED = ModelCard(config(2e-5), RGB)


def saved(folder, card, classifier=None):
    torch.manual_seed(0)
    backbone = build_configured_backbone(card.backbone)
    save_checkpoint(folder / "saved", backbone, card, classifier=classifier)
    return open_checkpoint(folder / "saved")


def tensors(path):
    return open_checkpoint(path).load_backbone().state_dict()


def assert_same_tensors(found, expected):
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype, name
        assert torch.equal(found[name], tensor), name


@pytest.mark.parametrize("layout, card", [("arcface", ARCFACE), ("magface", MAGFACE)])
def test_an_official_layout_comes_back_exactly(layout, card, tmp_path):
    checkpoint = saved(tmp_path, card)
    export_checkpoint(checkpoint, tmp_path / "weights.pth", ExportPlan(layout))
    convert_checkpoint(tmp_path / "weights.pth", tmp_path / "back")
    assert_same_tensors(tensors(tmp_path / "back"), tensors(tmp_path / "saved"))
    back = open_checkpoint(tmp_path / "back").card
    assert (back.backbone, back.preprocessing) == (card.backbone, card.preprocessing)


def test_magfaces_wrapper_has_the_class_weights(tmp_path):
    weight = torch.randn(5, 8)
    export_checkpoint(saved(tmp_path, MAGFACE, {"weight": weight}), tmp_path / "weights.pth", ExportPlan("magface"))
    content = torch.load(tmp_path / "weights.pth", weights_only=True)
    assert content["arch"] == "iresnet18"
    assert next(iter(content["state_dict"])) == "features.module.conv1.weight"
    assert list(content["state_dict"])[-1] == "parallel_fc.weight"
    assert torch.equal(content["state_dict"]["parallel_fc.weight"], weight)


@pytest.mark.parametrize(
    "layout, card, complaint, way_out",
    [
        ("arcface", MAGFACE, "arcface_torch would embed .*epsilon is 2e-05", "--format magface"),
        ("magface", ARCFACE, "MagFace would embed .*epsilon is 1e-05", "--format arcface"),
        ("arcface", SEED, "epsilon is 2e-05", "--format onnx"),
        ("magface", SEED, "colour order is RGB", "--format onnx"),
        ("magface", ModelCard(MobileFaceNetConfig("mbf", input_size=32), RGB), "has no mbf", "--format arcface"),
    ],
)
def test_a_layout_that_would_lie_is_refused(layout, card, complaint, way_out, tmp_path):
    checkpoint = saved(tmp_path, card)
    with pytest.raises(FembError, match=complaint) as caught:
        export_checkpoint(checkpoint, tmp_path / "weights.pth", ExportPlan(layout))
    assert way_out in caught.value.hint
    assert not (tmp_path / "weights.pth").exists()


BACKBONES = {
    "at_mbf": MobileFaceNetConfig("mbf"),
    "at_r18": IResNetConfig("iresnet18"),
    "at_vit_t": ViTConfig("vit_t"),
    "mf_ddp_r18": IResNetConfig("iresnet18", bn_eps=2e-5),
}


@pytest.mark.parametrize(
    "case", ["at_mbf", *(pytest.param(case, marks=pytest.mark.slow) for case in ("at_r18", "at_vit_t", "mf_ddp_r18"))]
)
def test_an_official_file_has_the_names_order_types_and_bytes_of_the_original(shared, case, tmp_path):
    golden = shared / "golden/checkpoints"
    maker = runpy.run_path(str(golden / "make_checkpoint.py"))
    description = json.loads((golden / f"cases/{case}.json").read_text())
    ((which, rows),) = description["state_dicts"].items()
    official = {key: torch.from_numpy(array) for key, array in maker["make_arrays"](rows, description["salt"]).items()}
    class_weights = official.pop("parallel_fc.weight", None)
    backbone = build_configured_backbone(BACKBONES[case])
    prefix = description["key_prefix"]
    backbone.load_state_dict({name.removeprefix(prefix): tensor for name, tensor in official.items()})
    is_magface = class_weights is not None
    pixels = Preprocessing(112, "BGR", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)) if is_magface else Preprocessing()
    classifier = {"weight": class_weights} if is_magface else None
    save_checkpoint(tmp_path / "saved", backbone, ModelCard(BACKBONES[case], pixels), classifier=classifier)
    plan = ExportPlan("magface" if is_magface else "arcface")
    export_checkpoint(open_checkpoint(tmp_path / "saved"), tmp_path / "weights.pth", plan)
    content = torch.load(tmp_path / "weights.pth", weights_only=True)
    content = content["state_dict"] if is_magface else content
    digest = maker["digest"]({key: tensor.numpy() for key, tensor in content.items()})
    assert digest == description["sha256"][which]
