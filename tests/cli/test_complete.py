"""The values that a shell completes."""

import pytest

from femb_cli.checkpoints.official import FAMILIES
from femb_cli.checkpoints.official.published import PUBLISHED
from femb_cli.cli import complete
from femb_cli.config.detectors import DETECTORS
from femb_cli.config.load import load_config
from femb_cli.errors import UsageError


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("runs/arcface_1/checkpoints", "runs/.hidden", "models/r50"):
        (tmp_path / folder).mkdir(parents=True)
    for file in ("runs/arcface_1/config.yaml", "models/r50.onnx", "models/notes.txt", "models/own.yaml"):
        (tmp_path / file).touch()


@pytest.mark.parametrize(
    ("values", "start", "found"),
    [
        (complete.headers, "mag", ["magface"]),
        (complete.headers, "c", ["cosface", "combined", "curricularface"]),
        (complete.backbones, "iresnet1", ["iresnet18", "iresnet100", "iresnet152"]),
        (complete.backbones, "x", []),
        (complete.benchmarks, "xq", ["xqlfw"]),
        (complete.configs, "quick", ["quickstart"]),
        (complete.configs, "models/", ["models/own.yaml"]),
        (complete.configs, "nowhere/", []),
        (complete.runs, "", ["runs/arcface_1"]),
        (complete.models, "models/r", ["models/r50/", "models/r50.onnx"]),
        (complete.models, "ru", ["runs/arcface_1", "runs/"]),
        (complete.models, "own=models/r50.", ["own=models/r50.onnx"]),
        (complete.benchmarks, "models/r50.", ["models/r50.onnx"]),
        (complete.official_weights, "mob", ["mobilefacenet_foamliu"]),
        (complete.official_weights, "models/n", ["models/notes.txt"]),
        (complete.families, "cv", ["cvlface"]),
        (complete.detectors, "", ["mtcnn", "yunet"]),
        (complete.detectors, "models/", ["models/r50/", "models/r50.onnx"]),
        (complete.precisions, "b", ["bf16"]),
        (complete.devices, "c", ["cpu", "cuda"]),
        (complete.settings, "optimizer.l", ["optimizer.lr=", "optimizer.lr_batch_size="]),
        (complete.settings, "header=a", ["header=arcface", "header=adaface"]),
        (
            complete.settings,
            "optimizer.nest",
            ["optimizer.nesterov=", *(f"optimizer.nesterov={x}" for x in ("true", "false"))],
        ),
        (complete.settings, "trackers=[wa", ["trackers=[wandb]"]),
        (complete.settings, "compile=", ["compile=true", "compile=false", "compile=null"]),
        (complete.settings, "optimizer.lr=", ["optimizer.lr=0.02", "optimizer.lr=0.001"]),
        (complete.settings, "nothing", []),
    ],
)
def test_values_are_completed(here, values, start, found):
    assert values(start) == found


def test_every_completed_setting_is_one():
    keys = complete.settings("")
    assert len(keys) > 80
    sections = {"header", "backbone", "optimizer", "data"}
    for key in keys:
        section = key.partition(".")[0]
        names = complete.settings(f"{section}=") if section in sections else []
        settings = [setting for setting in complete.settings(key) if setting != key]
        tried = [(*name, setting) for setting in settings for name in ([], *([name] for name in names))]
        assert not tried or any(_loads(*each) for each in tried), key


def _loads(*settings):
    try:
        load_config("quickstart", settings)
    except UsageError:
        return False
    return True


def test_names_whose_modules_are_slow_are_the_true_ones():
    assert sorted(complete.FAMILIES) == sorted(FAMILIES)
    assert sorted(complete.PUBLISHED) == sorted(name for name, model in PUBLISHED.items() if model.can_be_fetched)
    assert complete.detectors("") == list(DETECTORS)
