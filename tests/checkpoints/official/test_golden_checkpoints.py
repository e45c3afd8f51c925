"""Embeddings of the official networks, from files in the official layouts."""

import hashlib
import json
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from femb_cli.checkpoints.official import convert_checkpoint
from femb_cli.checkpoints.store import open_checkpoint
from femb_cli.errors import FembError
from femb_cli.inference import load_embedder

TOLERANCE = {"atol": 5e-5, "rtol": 0}
"""Two official float32 figures are 1e-5 apart; the smallest of all mistakes makes 4.7e-3."""

QUICK = ("at_mbf", "af_ir18", "seed_r18")
SLOW = (
    "mf_dp_r18",
    "cv_ir18_pt",
    "at_r18",
    "at_r50",
    "at_zoo2021_r18",
    "at_resume_r18_w1",
    "at_mbf_large",
    "at_vit_t",
    "mf_ddp_r18",
    "ev_ir50",
    "ef_r50",
)
CASES = [*QUICK, *(pytest.param(case, marks=pytest.mark.slow) for case in SLOW)]


@pytest.fixture(scope="module")
def golden(shared) -> Path:
    return shared / "golden/checkpoints"


@pytest.fixture(scope="module")
def images(golden):
    return np.load(golden / "images.npz")["images"]


def description(golden, case):
    return json.loads((golden / f"cases/{case}.json").read_text())


def write_case(golden, case, folder):
    """The official files of a case, the network's first."""
    return runpy.run_path(str(golden / "make_checkpoint.py"))["write_case"](description(golden, case), folder)


def float64_embeddings(checkpoint, images):
    """What the converted network says in float64 for pixels that were prepared in float64."""
    opened = open_checkpoint(checkpoint)
    preprocessing = opened.card.preprocessing
    pixels = images[..., ::-1] if preprocessing.channel_order == "BGR" else images
    values = (pixels / 255 - np.array(preprocessing.mean)) / np.array(preprocessing.std)
    with torch.inference_mode():
        return opened.load_backbone().double()(torch.from_numpy(values.transpose(0, 3, 1, 2).copy())).numpy()


@pytest.fixture(scope="module")
def no_remarks():
    return lambda _: None


@pytest.mark.parametrize("case", CASES)
def test_a_converted_network_answers_as_the_official_one(golden, images, case, tmp_path, no_remarks):
    stated, expected = description(golden, case), np.load(golden / f"expected/{case}.npz")
    source = write_case(golden, case, tmp_path / "official")[0]
    card = convert_checkpoint(source, tmp_path / "converted", say=no_remarks)
    assert card.source["family"] == stated["family"]
    embedder = load_embedder(tmp_path / "converted", "cpu")
    np.testing.assert_allclose(embedder(images), expected["expected_f32"], **TOLERANCE)
    np.testing.assert_allclose(embedder(images[:1]), expected["expected_f32"][:1], **TOLERANCE)
    precise = float64_embeddings(tmp_path / "converted", images)
    np.testing.assert_allclose(precise, expected["expected_f64"], atol=1e-9, rtol=0)
    if "classifier" in stated:
        weight = load_file(tmp_path / "converted/classifier.safetensors")["weight"].numpy()
        assert hashlib.sha256(weight.tobytes()).hexdigest() == stated["classifier"]["sha256_of_C_by_D_float32"]
        assert card.num_identities == 37


@pytest.mark.slow
def test_the_seeds_converted_file_needs_its_name_and_becomes_float32(golden, images, tmp_path):
    source = write_case(golden, "seed_r18", tmp_path / "official")[1]
    convert_checkpoint(source, tmp_path / "converted", "seed")
    expected = np.load(golden / "expected/seed_r18.npz")["expected_f32"]
    np.testing.assert_allclose(load_embedder(tmp_path / "converted", "cpu")(images), expected, **TOLERANCE)


@pytest.mark.slow
def test_squeeze_and_excitation_is_refused_by_name(golden, tmp_path):
    source = write_case(golden, "ef_r18_se", tmp_path / "official")[0]
    with pytest.raises(FembError, match="se_block"):
        convert_checkpoint(source, tmp_path / "converted")


def test_the_trained_mobilefacenet_gives_the_official_embeddings(shared, golden, images, tmp_path):
    card = convert_checkpoint(shared / "data/weights/mobilefacenet_foamliu.pt", tmp_path / "converted")
    assert card.source["family"] == "foamliu"
    expected = np.load(golden / "expected/foamliu_mobilefacenet.npz")
    embedder = load_embedder(tmp_path / "converted", "cpu")
    straight, mirrored = expected["expected_f32"], expected["expected_flip_f32"]
    np.testing.assert_allclose(embedder(images), straight, **TOLERANCE)
    np.testing.assert_allclose(embedder(images[:, :, ::-1].copy()), mirrored, **TOLERANCE)
    np.testing.assert_allclose(embedder(images, flip=True), straight + mirrored, atol=1e-4)
    precise = float64_embeddings(tmp_path / "converted", images)
    np.testing.assert_allclose(precise, expected["expected_f64"], atol=1e-9, rtol=0)
