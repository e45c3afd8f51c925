"""The reader of ONNX protobufs, and its errors."""

import builtins

import pytest

from femb_cli.checkpoints.onnx_file import onnx_errors, onnx_metadata, read_onnx_model
from femb_cli.errors import FembError

onnx = pytest.importorskip("onnx")


@pytest.fixture
def file(tmp_path):
    value = onnx.helper.make_tensor_value_info("x", 1, [1])
    model = onnx.helper.make_model(
        onnx.helper.make_graph([onnx.helper.make_node("Identity", ["x"], ["y"])], "g", [value], [])
    )
    onnx.helper.set_model_props(model, {"format": "femb", "name": "äöü"})
    onnx.save(model, tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def test_the_graph_and_the_texts_are_read(file):
    model = read_onnx_model(file)
    assert [node.op_type for node in model.graph.node] == ["Identity"]
    assert onnx_metadata(model) == {"format": "femb", "name": "äöü"}


@pytest.mark.parametrize("content", [b"<!DOCTYPE html>", b"\x08\xff", bytes(range(256))])
def test_a_damaged_file_is_named(tmp_path, content):
    (tmp_path / "bad.onnx").write_bytes(content)
    with pytest.raises(FembError, match=r"bad\.onnx is not a readable ONNX file: .") as caught:
        read_onnx_model(tmp_path / "bad.onnx")
    assert "\n" not in caught.value.message


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FembError, match=r"no model at .*gone\.onnx"):
        read_onnx_model(tmp_path / "gone.onnx")


def test_a_missing_package_is_named_with_the_command_that_installs_it(file, monkeypatch):
    real = builtins.__import__

    def without_onnx(name, *arguments, **options):
        if name == "onnx":
            raise ModuleNotFoundError("No module named 'onnx'", name="onnx")
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without_onnx)
    with pytest.raises(FembError, match="reading ONNX files needs onnx") as caught:
        read_onnx_model(file)
    assert "pip install onnx onnxruntime" in caught.value.hint


def test_an_error_of_fembs_own_stays_as_it_is(file):
    with pytest.raises(FembError, match="^mine$"), onnx_errors(file):
        raise FembError("mine")


def test_an_error_without_a_text_is_named_by_its_type(file):
    with pytest.raises(FembError, match="not a readable ONNX file: KeyError$"), onnx_errors(file):
        raise KeyError
