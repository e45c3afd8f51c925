"""A published network gives its published LFW accuracy, whichever way the images come."""

import json
import pickle
import zipfile

import pytest

from femb_cli.data.open import open_source
from femb_cli.evaluation.verification.pair_file import read_pairs


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
