"""What can stand at the cursor of a command line, and how little is loaded to tell."""

import subprocess
import sys

import pytest
import typer

from femb_cli.cli.app import build_app
from femb_cli.cli.commands import COMMANDS, SUMMARIES
from femb_cli.cli.complete_line import OF_FEMB, complete_line, parameters_of

BUILT = typer.main.get_command(build_app())


def words(*line):
    found = complete_line(line)
    return None if found is None else [candidate.word for candidate in found]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_parameters_of_a_command_are_those_that_typer_builds(command):
    for read, built in zip(parameters_of(command), BUILT.commands[command].params, strict=True):
        kind = built.type_descriptor
        names = {*built.opts, *built.secondary_opts} if built.param_type_name == "option" else set()
        assert (set(read.names), read.meaning) == (names, built.help)
        assert (read.choices, read.is_list, read.is_flag) == (kind.choices or (), kind.is_list, kind.annotation is bool)


def test_the_options_of_femb_are_those_that_typer_builds():
    assert {name for name, _ in OF_FEMB} == {name for one in BUILT.params for name in one.opts if len(name) > 2}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ([""], list(SUMMARIES)),
        (["tr"], ["train"]),
        (["--ver"], ["--version"]),
        (["help", "tr"], ["train"]),
        (["trian", "--"], []),
        (["train", "--se"], ["--set", "--seed"]),
        (["verify", "--no-c"], ["--no-cache"]),
        (["list", "--h"], ["--help"]),
        (["train", "--header", "mag"], ["magface"]),
        (["train", "--header=mag"], ["--header=magface"]),
        (["train", "--set=header=mag"], ["--set=header=magface"]),
        (["verify", "--set", "a=b", "--dataset", "xq"], ["xqlfw"]),
        (["verify", "--flip", "s"], ["sum"]),
        (["verify", "--flip=s"], ["--flip=sum"]),
        (["train", "quick"], ["quickstart"]),
        (["train", "--gpus", "2", "--dry-run", "quick"], ["quickstart"]),
        (["train", "quickstart", "quick"], None),
        (["train", "--out", ""], None),
        (["train", "--out="], None),
        (["list", "head"], ["headers"]),
        (["list", "--json", "head"], ["headers"]),
        (["embed", "pho"], None),
        (["env", ""], []),
    ],
)
def test_what_stands_at_the_cursor(line, found):
    assert words(*line) == found


def test_what_follows_a_list_is_completed_like_its_first_word(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs/a").mkdir(parents=True)
    (tmp_path / "runs/a/config.yaml").touch()
    assert words("report", "runs/b", "runs/") == ["runs/a"]


@pytest.mark.parametrize(
    ("line", "forbidden"),
    [
        ("femb tr", {"typer", "rich", "pydantic", "dataclasses", "inspect"}),
        ("femb train --set optimizer=a", {"typer", "rich", "pydantic", "pydantic_core", "yaml", "torch", "numpy"}),
        ("femb train --se", {"rich", "pydantic", "pydantic_core", "yaml", "torch", "numpy", "femb_cli.cli.verify"}),
    ],
)
def test_completing_loads_nothing_that_takes_long(line, forbidden):
    code = f"""import sys
sys.argv[1:] = ["__complete", "bash", {line!r}]
from femb_cli.__main__ import main
try:
    main()
except SystemExit as end:
    assert end.code == 0
print(*sys.modules)"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *found, modules = done.stdout.splitlines()
    assert found
    assert set(modules.split()).isdisjoint(forbidden)
