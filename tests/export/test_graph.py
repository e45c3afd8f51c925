"""Networks that leave as graphs compute what they computed before, whoever feeds them."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from femb_cli.backbones import build_configured_backbone
from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.store import open_checkpoint, save_checkpoint
from femb_cli.config.schema import IResNetConfig, MobileFaceNetConfig
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.errors import FembError, UsageError
from femb_cli.export import ExportPlan, export_checkpoint
from femb_cli.export.half import round_weights
from femb_cli.export.parity import check_images, cosines, largest_difference
from femb_cli.export.torch_files import open_program
from femb_cli.inference import load_embedder

SIZE = 32
SMALL = IResNetConfig("iresnet18", embedding_dim=16, input_size=SIZE, width=0.125, bn_eps=2e-5)
CARD = ModelCard(
    SMALL,
    Preprocessing(SIZE, "BGR", mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6)),
    flip="none",
    source={"license": "MIT", "file": "gesichter äöü.pth"},
)


def network():
    torch.manual_seed(0)
    backbone = build_configured_backbone(SMALL).train()
    with torch.no_grad():  # statistics that are not 0 and 1
        backbone(torch.randn(8, 3, SIZE, SIZE) + 0.3)
    return backbone.eval()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint") / "small"
    save_checkpoint(path, network(), CARD)
    return open_checkpoint(path)


@pytest.fixture(scope="module")
def original(checkpoint):
    return load_embedder(checkpoint.path, "cpu")


@pytest.fixture(scope="module")
def onnx_file(checkpoint, tmp_path_factory):
    pytest.importorskip("onnxruntime")
    file = tmp_path_factory.mktemp("onnx") / "model.onnx"
    comparison = export_checkpoint(checkpoint, file, ExportPlan("onnx", with_preprocessing=True))
    assert comparison.relative_difference <= 1e-4
    return file


@pytest.fixture(scope="module")
def script_file(checkpoint, tmp_path_factory):
    file = tmp_path_factory.mktemp("script") / "model.ts"
    export_checkpoint(checkpoint, file, ExportPlan("torchscript", with_preprocessing=True))
    return file


@pytest.fixture(scope="module")
def program_file(checkpoint, tmp_path_factory):
    file = tmp_path_factory.mktemp("program") / "model.pt2"
    export_checkpoint(checkpoint, file, ExportPlan("pt2", with_preprocessing=True))
    return file


def relative(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_a_graph_that_takes_pixels_embeds_as_the_checkpoint_does(batch, original, onnx_file, script_file):
    images = np.random.default_rng(batch).integers(0, 256, (batch, SIZE, SIZE, 3), dtype=np.uint8)
    exported = load_embedder(onnx_file, "cpu")
    assert relative(exported(images), original(images)) <= 1e-4
    assert relative(exported(images, flip=True), original(images, flip=True)) <= 1e-4
    with torch.inference_mode():
        scripted = torch.jit.load(str(script_file))(torch.from_numpy(images)).numpy()
    assert relative(scripted, original(images)) <= 1e-4


def test_an_exported_file_carries_the_whole_card(checkpoint, onnx_file, script_file):
    assert load_embedder(onnx_file, "cpu").card == checkpoint.card
    texts = {"femb.json": ""}
    torch.jit.load(str(script_file), _extra_files=texts)
    assert ModelCard.from_metadata(json.loads(texts["femb.json"]), "model.ts") == checkpoint.card


def test_a_graph_that_takes_pixels_needs_no_more_than_its_input(onnx_file, original):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(onnx_file), providers=["CPUExecutionProvider"])
    metadata = session.get_modelmeta().custom_metadata_map
    assert metadata["input"] == "uint8 RGB NHWC"
    assert metadata["input_shape"] == f"(batch, {SIZE}, {SIZE}, 3)"
    images = np.random.default_rng(0).integers(0, 256, (5, SIZE, SIZE, 3), dtype=np.uint8)
    (embeddings,) = session.run([metadata["output_name"]], {metadata["input_name"]: images})
    assert relative(embeddings, original(images)) <= 1e-4


def test_images_of_another_size_are_resized_before_a_graph_that_takes_pixels(onnx_file, original):
    images = np.tile(np.arange(0, 240, 5, dtype=np.uint8)[None, :, None, None], (2, 1, 48, 3))
    # The graph takes whole numbers: resizing rounds by up to half of one.
    assert relative(load_embedder(onnx_file, "cpu")(images), original(images)) <= 0.05


def test_a_torch_export_archive_takes_batches_of_any_size(program_file, checkpoint, original):
    program = open_program(program_file)
    assert program.card.fingerprint == checkpoint.card.fingerprint
    for batch in (1, 5):
        images = np.random.default_rng(batch).integers(0, 256, (batch, SIZE, SIZE, 3), dtype=np.uint8)
        found = program.run(torch.from_numpy(images)).detach().numpy()
        assert relative(found, original(images)) <= 1e-4


@pytest.mark.parametrize("kind", ["onnx_file", "program_file"])
def test_no_path_of_the_machine_is_in_an_exported_file(kind, request):
    assert b"iresnet.py" not in request.getfixturevalue(kind).read_bytes()


def test_half_stores_the_weights_in_half_the_bytes_and_computes_with_exactly_them(checkpoint, tmp_path):
    onnx = pytest.importorskip("onnx")
    comparison = export_checkpoint(checkpoint, tmp_path / "half.onnx", ExportPlan("onnx", half=True))
    assert comparison.relative_difference <= 1e-4
    assert 0.999 < comparison.least_cosine < 1
    stored = {weight.name: weight for weight in onnx.load(tmp_path / "half.onnx").graph.initializer}
    kept = onnx.numpy_helper.to_array(stored["layer1.0.conv1.weight_float16"])
    assert kept.dtype == np.float16
    rounded = round_weights(checkpoint.load_backbone()).layer1[0].conv1.weight
    assert np.array_equal(kept.astype(np.float32), rounded.detach().numpy())
    load_embedder(tmp_path / "half.onnx", "cpu")  # its fingerprint is that of the rounded weights


def test_a_weight_beyond_float16_is_named(checkpoint):
    backbone = checkpoint.load_backbone()
    with torch.no_grad():
        backbone.fc.weight[0, 0] = 1e5
    with pytest.raises(FembError, match=r"fc\.weight"):
        round_weights(backbone)


def test_int8_says_what_it_costs_on_the_images_of_the_calibration(checkpoint, tmp_path):
    pytest.importorskip("onnxruntime")
    (tmp_path / "faces").mkdir()
    for index, image in enumerate(check_images(SIZE)[:20].numpy()):
        Image.fromarray(image).save(tmp_path / f"faces/{index}.png")
    plan = ExportPlan("onnx", int8=True, calibration=tmp_path / "faces")
    comparison = export_checkpoint(checkpoint, tmp_path / "int8.onnx", plan)
    assert comparison.num_images == 20
    assert comparison.relative_difference is None
    assert 0.9 < comparison.least_cosine <= comparison.mean_cosine < 1
    embedder = load_embedder(tmp_path / "int8.onnx", "cpu")
    assert embedder.card == replace(checkpoint.card, fingerprint="")
    assert (tmp_path / "int8.onnx").stat().st_size < checkpoint.model_file.stat().st_size / 2


def test_int8_works_without_images(checkpoint, tmp_path):
    pytest.importorskip("onnxruntime")
    plan = ExportPlan("onnx", int8=True, with_preprocessing=True)
    comparison = export_checkpoint(checkpoint, tmp_path / "int8.onnx", plan)
    assert comparison.mean_cosine > 0.8


def test_a_network_that_computes_otherwise_is_noticed(original, checkpoint):
    other = load_embedder(checkpoint.path, "cpu")
    other.network.features.bias.data += 0.01
    with pytest.raises(FembError, match="differs from the original by"):
        largest_difference(original, other, check_images(SIZE))


def test_embeddings_that_are_no_numbers_are_noticed(original, checkpoint):
    other = load_embedder(checkpoint.path, "cpu")
    other.network.features.running_var.fill_(-1)
    with pytest.raises(FembError, match="not finite"):
        cosines(original, other, check_images(SIZE))


def test_a_failed_export_leaves_nothing(tmp_path):
    config = MobileFaceNetConfig("mobilefacenet", embedding_dim=8, input_size=SIZE)
    save_checkpoint(tmp_path / "foamliu", build_configured_backbone(config), ModelCard(config, Preprocessing(SIZE)))
    with pytest.raises(FembError, match="arcface_torch has no mobilefacenet"):
        export_checkpoint(open_checkpoint(tmp_path / "foamliu"), tmp_path / "x.pth", ExportPlan("arcface"))
    assert [path.name for path in tmp_path.iterdir()] == ["foamliu"]


@pytest.mark.parametrize(
    "settings, complaint",
    [
        ({"format": "arcface", "with_preprocessing": True}, "--with-preprocessing has no effect on arcface"),
        ({"format": "torchscript", "half": True}, "--half and --int8 make ONNX files"),
        ({"format": "onnx", "half": True, "int8": True}, "exclude each other"),
        ({"format": "onnx", "calibration": "faces"}, "--calibration has no effect"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings, complaint):
    with pytest.raises(UsageError, match=complaint):
        ExportPlan(**settings)


def test_the_command_says_what_was_measured(femb, checkpoint):
    result = femb("export", checkpoint.path, "-o", "model.ts", "--with-preprocessing", "--json")
    facts = json.loads(result.out)
    assert facts["input"] == f"(batch, {SIZE}, {SIZE}, 3)"
    assert facts["relative_difference"] <= 1e-4
    assert "in batches of 1, 3 and 64" in result.err
