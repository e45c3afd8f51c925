"""Verification of images: cosines by hand, and a published network's LFW accuracy from every kind of source."""

import json
import pickle
import zipfile

import numpy as np
import pytest
from linear_embedder import linear_embedder
from pictures import encode

from femb_cli.data.open import open_source
from femb_cli.evaluation.verification.open import open_pairs
from femb_cli.evaluation.verification.pair_file import read_pairs
from femb_cli.inference.embed import embed_source
from femb_cli.inference.verify import verify


@pytest.fixture
def shades(tmp_path):
    """Six images of one colour each, and four pairs of four of them."""
    (tmp_path / "images").mkdir()
    for number in range(6):
        (tmp_path / "images" / f"{number}.png").write_bytes(encode(40 * number, (112, 112), "PNG"))
    (tmp_path / "pairs.csv").write_text("ref,probe,mated\n1.png,2.png,1\n4.png,5.png,1\n1.png,5.png,0\n2.png,4.png,0\n")
    return tmp_path / "pairs.csv", tmp_path / "images"


def test_scores_are_the_cosines_of_the_images(shades):
    embedder = linear_embedder()
    result = verify(embedder, open_pairs(*shades, "exact"))
    rows = embed_source(embedder, open_source(shades[1])).rows_ND.astype(np.float64)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    np.testing.assert_allclose(result.scores_N, np.sum(unit[[1, 4, 1, 2]] * unit[[2, 5, 5, 4]], axis=1), atol=1e-6)
    assert (result.benchmark, result.model, result.flip) == ("pairs.csv", "network", "none")
    assert len(result.embedded.embeddings_ND) == 4


@pytest.mark.parametrize(
    ("convention", "protocol", "flip", "used"),
    [
        ("sum", "arcface", None, "sum"),
        ("sum", "arcface", "none", "none"),
        ("sum", "magface", None, "none"),
        ("sum", "magface-no-mean", None, "none"),
        ("none", "magface", "sum", "sum"),
    ],
)
def test_mirror_images_follow_the_model_unless_asked_and_never_under_magface(shades, convention, protocol, flip, used):
    result = verify(linear_embedder(flip=convention), open_pairs(*shades, protocol), flip=flip)
    assert result.flip == used


@pytest.fixture
def lfw(shared):
    return shared / "data/lfw_aligned_112.zip", shared / "data/protocols/pairs.txt"


def write_bin(path, images, pairs):
    """Write a verification set as InsightFace's packer does."""
    source = open_source(images)
    left_N, right_N = pairs.indices(source.names)
    encoded = [source.read(int(row)) for pair in zip(left_N, right_N, strict=True) for row in pair]
    path.write_bytes(pickle.dumps((encoded, pairs.genuine_N.tolist())))


@pytest.mark.slow
def test_mobilefacenet_gives_its_lfw_accuracy_from_a_zip_a_folder_and_a_bin(femb, shared, lfw, tmp_path):
    images, pairs = lfw
    weights = shared / "data/weights/mobilefacenet_foamliu.pt"
    assert femb("convert-checkpoint", weights, "model", "--quiet").code == 0
    with zipfile.ZipFile(images) as archive:
        archive.extractall(tmp_path / "folder")
    write_bin(tmp_path / "lfw.bin", images, read_pairs(pairs))
    assert femb("convert", "lfw.bin", "lfw_bin", "--quiet").code == 0
    routes = {
        "zip": ("--pairs", pairs, "--images", images),
        "folder": ("--pairs", pairs, "--images", tmp_path / "folder"),
        "bin": ("--dataset", tmp_path / "lfw_bin"),
    }
    accuracies = {}
    for route, arguments in routes.items():
        result = femb("verify", *arguments, "--model", "model", "--flip", "sum", "--json")
        assert result.code == 0, result.err
        accuracies[route] = json.loads(result.out)["accuracy"]
    assert accuracies["zip"] == accuracies["folder"] == accuracies["bin"]
    assert accuracies["zip"] == pytest.approx(0.994, abs=0.001)
