"""Embeddings of the official networks, from files in the official layouts."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch

from femb_cli.backbones import build_backbone
from femb_cli.checkpoints.official import convert_checkpoint
from femb_cli.data.preprocess import Preprocessing
from femb_cli.inference import load_embedder

TOLERANCE = {"atol": 5e-5, "rtol": 0}


@pytest.fixture(scope="module")
def golden(shared) -> Path:
    return shared / "golden/checkpoints"


@pytest.fixture(scope="module")
def images(golden):
    return np.load(golden / "images.npz")["images"]


def expected(golden, case, name="expected_f32"):
    return np.load(golden / f"expected/{case}.npz")[name]


def official_tensors(golden, case):
    """The weights of a case, without a file."""
    description = json.loads((golden / f"cases/{case}.json").read_text())
    maker = runpy.run_path(str(golden / "make_checkpoint.py"))
    arrays = maker["make_arrays"](description["state_dicts"]["backbone"], description["salt"])
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def converted(golden, case, folder):
    description = json.loads((golden / f"cases/{case}.json").read_text())
    (file,) = runpy.run_path(str(golden / "make_checkpoint.py"))["write_case"](description, folder)
    convert_checkpoint(file, folder / "converted")
    file.unlink()
    return load_embedder(folder / "converted", "cpu")


@pytest.mark.slow
@pytest.mark.parametrize("case", ["at_r18", "mf_ddp_r18", "mf_dp_r18"])
def test_a_converted_network_gives_the_official_embeddings(golden, images, case, tmp_path):
    embedder = converted(golden, case, tmp_path)
    np.testing.assert_allclose(embedder(images), expected(golden, case), **TOLERANCE)
    alone = np.concatenate([embedder(images[row : row + 1]) for row in range(4)])
    np.testing.assert_allclose(alone, expected(golden, case, "batch1_f32"), **TOLERANCE)


@pytest.mark.parametrize("case", ["at_mbf", pytest.param("at_mbf_large", marks=pytest.mark.slow)])
def test_a_wide_mobilefacenet_gives_the_official_embeddings(golden, images, case):
    backbone = build_backbone(case.removeprefix("at_")).eval()
    backbone.load_state_dict(official_tensors(golden, case))
    with torch.inference_mode():
        embeddings = backbone(Preprocessing()(torch.from_numpy(images)))
    np.testing.assert_allclose(embeddings.numpy(), expected(golden, case), **TOLERANCE)


def test_the_trained_mobilefacenet_gives_the_official_embeddings(shared, golden, images, tmp_path):
    card = convert_checkpoint(shared / "data/weights/mobilefacenet_foamliu.pt", tmp_path / "converted")
    assert card.source["family"] == "foamliu"
    embedder = load_embedder(tmp_path / "converted", "cpu")
    case = "foamliu_mobilefacenet"
    np.testing.assert_allclose(embedder(images), expected(golden, case), **TOLERANCE)
    mirrored = expected(golden, case, "expected_flip_f32")
    np.testing.assert_allclose(embedder(images[:, :, ::-1].copy()), mirrored, **TOLERANCE)
    np.testing.assert_allclose(embedder(images, flip=True), expected(golden, case) + mirrored, atol=1e-4)


def test_a_wide_mobilefacenet_is_converted(golden, images, tmp_path):
    np.testing.assert_allclose(converted(golden, "at_mbf", tmp_path)(images), expected(golden, "at_mbf"), **TOLERANCE)
