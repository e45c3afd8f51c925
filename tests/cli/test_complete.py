"""What a shell completes, and how fast."""

import subprocess
import sys

import pytest
import typer

from femb_cli.cli import complete
from femb_cli.cli.app import app
from femb_cli.cli.complete_bash import answer
from femb_cli.config.load import load_config
from femb_cli.errors import UsageError

COMMANDS = typer.main.get_command(app).commands


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


def test_every_shell_completes_the_same_values():
    """Typer's own completion, for zsh and fish, knows the completers of the table."""
    parameters = [parameter for command in COMMANDS.values() for parameter in command.params]
    in_table = [
        one for one in parameters if complete.OF_OPTION.keys() & set(one.opts) and not getattr(one, "is_flag", 0)
    ]
    for parameter in (*in_table, *(COMMANDS[name].params[0] for name in complete.OF_ARGUMENT)):
        assert parameter._custom_shell_complete is not None, parameter.opts


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["femb", "train", "--header", "mag"], ["magface"]),
        (["femb", "train", "--header", "=", "mag"], ["magface"]),
        (["femb", "train", "--set", "header", "=", "mag"], ["magface"]),
        (["femb", "train", "--set", "header", "="], ["arcface"]),
        (["femb", "train", "--set", "precision=f"], ["fp32", "fp16", "fp64"]),
        (["femb", "verify", "--set", "a", "=", "b", "--dataset", "xq"], ["xqlfw"]),
        (["femb", "config", "quick"], ["quickstart"]),
        (["femb", "tra"], None),
        (["femb", "train", "--se"], None),
        (["femb", "list", "h"], None),
        (["femb", "train", "'unfinished"], None),
    ],
)
def test_bash_gets_what_stands_behind_the_last_sign(words, found):
    environment = {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)}
    answered = answer(environment)
    assert answered == found if found != ["arcface"] else answered[0] == "arcface"


def test_typer_gets_the_words_put_together():
    environment = {"COMP_WORDS": "femb train --set a = b --hea", "COMP_CWORD": "6"}
    assert answer(environment) is None
    assert environment == {"COMP_WORDS": "femb train --set a=b --hea", "COMP_CWORD": "4"}


def test_completing_loads_neither_typer_nor_anything_else_that_takes_long(here):
    words = {"_FEMB_COMPLETE": "complete_bash", "COMP_WORDS": "femb train --set optimizer=a", "COMP_CWORD": "3"}
    code = (
        f"import os, sys; os.environ.update({words}); from femb_cli.__main__ import main; main(); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, modules = done.stdout.splitlines()
    assert first == "adamw"
    assert set(modules.split()).isdisjoint({"typer", "rich", "pydantic", "pydantic_core", "yaml", "torch", "numpy"})
