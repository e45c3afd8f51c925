"""Files of other programs are named for what they are, with a way to a file that femb reads."""

import zipfile

import pytest
import torch

from femb_cli.checkpoints.official import convert_checkpoint
from femb_cli.errors import FembError


def refusal(file):
    with pytest.raises(FembError) as caught:
        convert_checkpoint(file, file.with_name("converted"))
    assert not file.with_name("converted").exists()
    return caught.value


@pytest.mark.parametrize(
    "name, content, what, hint",
    [
        ("model.h5", b"\x89HDF\r\n\x1a\n" + bytes(8), "HDF5 file, in which Keras", "torch.save"),
        ("model.pb", b"\n\xb0\x01\n\x05input", "a graph of TensorFlow", "torch.save"),
        ("model.bin", b"\x1c\x00\x00\x00TFL3" + bytes(8), "TensorFlow Lite", "torch.save"),
        (
            "model.pth",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00",
            "pointer of Git LFS",
            "git lfs pull",
        ),
        ("model.pth", b"\n  <!DOCTYPE html><title>Google Drive", "a web page", "download it again"),
        ("model.pth", b"<?xml version='1.0'?><Error>AccessDenied", "an XML document", "download it again"),
        ("model.pth", b'{"error": {"code": 404}}', 'a text, \'{"error"', "download"),
        ("model.pth", "Zugriff verweigert: für".encode(), "a text, 'Zugriff", "download"),
        ("model.pth", b"\x08\x07\x12\x07pytorch", "looks like an ONNX file", "ends in .onnx"),
        ("model.pth", b"\x1f\x8b\x08\x00", "packed with gzip", "unpack it"),
        ("model.pth", bytes(257) + b"ustar", "a tar archive", "unpack it"),
        ("model.pth", b"\x93NUMPY\x01\x00", "an array of NumPy", "torch.save"),
        ("model.pth", b"", "empty", "download it again"),
        ("model.pth", b"\x01\x02\x03\xff", "starts with", "torch.save"),
    ],
)
def test_a_file_of_another_kind_is_named(tmp_path, name, content, what, hint):
    (tmp_path / name).write_bytes(content)
    error = refusal(tmp_path / name)
    assert what in error.message
    assert hint in error.hint


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_torchscript_is_named_and_the_way_to_its_weights(tmp_path):
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(tmp_path / "model.pt"))
    error = refusal(tmp_path / "model.pt")
    assert "TorchScript" in error.message
    assert "torch.jit.load('model.pt', 'cpu').state_dict()" in error.hint


@pytest.mark.parametrize(
    "members, what",
    [
        (["config.json", "model.weights.h5"], "a network of Keras"),
        (
            ["model/backbone.pth", "model/readme.txt"],
            r"a zip archive of other files \(model/backbone\.pth, model/readme",
        ),
        ([], r"other files \(empty\)"),
    ],
)
def test_a_zip_of_other_files_is_named_with_its_files(tmp_path, members, what):
    with zipfile.ZipFile(tmp_path / "model.zip", "w") as archive:
        for name in members:
            archive.writestr(name, b"content")
    with pytest.raises(FembError, match=what):
        convert_checkpoint(tmp_path / "model.zip", tmp_path / "converted")
