"""`femb env`: the versions and devices that a bug report needs."""

import json
import platform

import torch

from femb_cli import __version__


def test_versions_and_devices_are_shown(femb):
    shown = json.loads(femb("env", "--json").out)
    assert shown["femb"] == __version__
    assert shown["python"] == platform.python_version()
    assert shown["torch"] == torch.__version__.split("+")[0]
    assert (shown["gpus"] == "none") == (torch.cuda.device_count() == 0)


def test_the_text_has_the_same_fields(femb):
    shown = json.loads(femb("env", "--json").out)
    lines = femb("env").out.splitlines()
    assert len(lines) == len(shown)
    for line, (name, value) in zip(lines, shown.items(), strict=True):
        assert line.startswith(name)
        assert line.endswith(value)


def test_it_says_how_femb_computes_here(femb):
    shown = json.loads(femb("env", "--json").out)
    assert shown["femb embed"] in ("float32", "bfloat16", "float16")
    assert shown["femb train"].startswith("precision fp32")
    assert shown["device"] in ("cpu", "cuda", "mps")
    assert shown["precisions"].startswith("fp32, ")
    assert shown["torch.compile"].startswith(("in long jobs", "no: "))
    assert shown["memory"].endswith(" GB") and "CPU" in shown["onnx files"]
