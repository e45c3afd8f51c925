"""What an export is to make, and what does not go together."""

from pathlib import Path

import pytest

from femb_cli.errors import UsageError
from femb_cli.export.plan import ExportPlan, default_target, format_of


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


@pytest.mark.parametrize("settings, expected", [({}, "float32"), ({"half": True}, "float16"), ({"int8": True}, "int8")])
def test_the_precision_follows_from_the_settings(settings, expected):
    assert ExportPlan("onnx", **settings).precision == expected


@pytest.mark.parametrize(
    "name, named, expected",
    [
        ("a.onnx", None, "onnx"),
        ("a.ts", None, "torchscript"),
        ("a.pth", None, "arcface"),
        ("a.pth", "magface", "magface"),
    ],
)
def test_the_format_is_named_or_told_by_the_ending(name, named, expected):
    assert format_of(Path(name), named) == expected


def test_an_unknown_ending_is_refused():
    with pytest.raises(UsageError, match=r"'a\.bin'"):
        format_of(Path("a.bin"), None)


@pytest.mark.parametrize(
    "model, export_format, expected",
    [("run", None, "run.safetensors"), ("m.safetensors", "onnx", "m.onnx"), ("run", "hub", "run_hub")],
)
def test_the_default_name_is_the_models(model, export_format, expected, tmp_path):
    assert str(default_target(tmp_path / model, export_format)) == expected
