"""The published weights, read without executing anything."""

import io
import pickle
import sys
from importlib import metadata

import joblib
import lz4.frame
import numpy as np
import pytest
import torch

from femb_cli.errors import FembError
from femb_cli.faces.detection import weights
from femb_cli.faces.detection.weights import load_onet, load_pnet, load_rnet, read_arrays


@pytest.mark.parametrize("load, values", [(load_pnet, 6_632), (load_rnet, 100_178), (load_onet, 389_040)])
def test_every_value_has_its_place(load, values):
    network = load()
    assert sum(parameter.numel() for parameter in network.parameters()) == values
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_the_package_is_not_imported():
    load_pnet()
    assert "mtcnn" not in sys.modules


@pytest.mark.parametrize("shape", [(3, 4), (5,), (1, 1, 300), (70_000,)])
def test_arrays_are_those_that_joblib_reads(shape):
    arrays = [np.random.default_rng(index).normal(size=shape).astype(np.float32) for index in range(3)]
    file = io.BytesIO()
    joblib.dump(arrays, file)
    for read, written in zip(read_arrays(file.getvalue()), arrays, strict=True):
        np.testing.assert_array_equal(read, written)


class _Bomb:
    def __reduce__(self):
        return pytest.fail, ("the pickle was executed",)


def test_a_pickle_is_not_executed():
    assert read_arrays(pickle.dumps([_Bomb()])) == []


def test_networks_see_a_face(shared):
    """The figures of P-, R- and O-Net on a given aligned face: it fills the middle of the square that O-Net expects."""
    import zipfile

    from PIL import Image

    with zipfile.ZipFile(shared / "data/lfw_aligned_112.zip") as faces:
        image = Image.open(faces.open("lfw_aligned_112/George_W_Bush/George_W_Bush_0001.jpg")).convert("RGB")
    for network in (load_rnet(), load_onet()):
        size = (network.input_size, network.input_size)
        pixels = np.asarray(image.resize(size, Image.Resampling.BILINEAR))
        input_13SS = (torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() - 127.5) / 128
        assert network(input_13SS)[0].item() > 0.95


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A folder that stands for the installed package."""

    class Distribution:
        def locate_file(self, path):
            return tmp_path / path

    monkeypatch.setattr(metadata, "distribution", lambda name: Distribution())
    folder = tmp_path / "mtcnn/assets/weights"
    folder.mkdir(parents=True)
    return folder


def test_other_files_are_refused(package):
    (package / "pnet.lz4").write_bytes(lz4.frame.compress(pickle.dumps([_Bomb()])))
    with pytest.raises(FembError, match=r"pnet\.lz4 is not the file of mtcnn 1\.0\.0"):
        load_pnet()


def test_a_missing_file_is_named(package):
    with pytest.raises(FembError, match="no readable") as caught:
        load_pnet()
    assert caught.value.hint == "pip install mtcnn==1.0.0"


def test_a_missing_package_is_named(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(weights.metadata, "distribution", missing)
    with pytest.raises(FembError, match="needs the package mtcnn"):
        load_pnet()
