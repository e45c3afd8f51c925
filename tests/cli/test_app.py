"""The `femb` command as a whole: help, version, exit codes, and the option without a value."""

import subprocess
import sys

import pytest

from femb_cli import __version__
from femb_cli.cli.app import name_bare_resume, print_error
from femb_cli.cli.commands import BY_PURPOSE, COMMANDS, load
from femb_cli.errors import FembError


def test_help_names_every_command(femb):
    result = femb("--help")
    assert result.code == 0
    assert all(command in result.out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_every_command_has_help_with_examples(femb, command, option):
    result = femb(command, option)
    assert result.code == 0
    assert f"femb {command}" in result.out
    assert "Examples:" in result.out


def test_every_command_has_a_line_in_the_help(femb):
    lines = femb("--help").out.splitlines()
    for name, summary in [pair for commands in BY_PURPOSE.values() for pair in commands.items()]:
        assert f"  {name.ljust(22)}{summary}" in lines, name
        assert summary.endswith(".")


def test_a_call_builds_no_command_but_its_own(femb, monkeypatch):
    built = []
    monkeypatch.setattr("femb_cli.cli.app.load", lambda name: built.append(name) or load(name))
    femb("--help"), femb("train", "--help"), femb("--version"), femb("trian")
    assert built == ["train"]


def test_the_version(femb):
    assert femb("--version").out == f"femb {__version__}\n"


@pytest.mark.parametrize("arguments", [["trian"], ["train", "--hedaer", "arcface"], ["list", "nothing"], ["convert"]])
def test_wrong_usage_ends_with_2(femb, arguments):
    result = femb(*arguments)
    assert result.code == 2
    assert result.out == ""
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (["trian"], "femb has no command 'trian'", "did you mean train?"),
        (["train", "--hedaer", "arcface"], "femb train has no option --hedaer", "did you mean --header?"),
        (["train", "--qqq"], "femb train has no option --qqq", "femb train --help shows what it takes"),
        (["convert"], "missing argument 'SRC'", "femb convert --help shows what it takes"),
        (["train", "--steps", "x"], "invalid value for '--steps': it has to be a whole number", "femb train --help"),
        (["search", "a", "b", "-k", "0"], "it has to be greater than or equal to 1", "femb search --help"),
        (["list", "backbone"], "KIND takes no 'backbone'", "did you mean backbones?"),
        (["help", "trian"], "femb has no command 'trian'", "did you mean train?"),
        (["help", "nonsense"], "femb has no command 'nonsense'", "femb --help lists the commands"),
    ],
)
def test_wrong_arguments_are_one_error_and_one_hint(femb, arguments, error, hint):
    result = femb(*arguments)
    first, second = result.err.splitlines()
    assert first.startswith("error: ") and error in first
    assert second.startswith("hint: ") and hint in second
    assert (result.code, result.out) == (2, "")


def test_the_help_and_the_version_are_commands_too(femb):
    assert femb("version").out == femb("-v").out == f"femb {__version__}\n"
    assert femb("help").out.strip() == femb("--help").out.strip() == femb().out.strip()
    assert femb("help", "help").out.strip() == femb("--help").out.strip()
    assert femb("help", "train").out.strip() == femb("train", "--help").out.strip()


def test_an_error_and_its_hint_go_to_stderr(capsys):
    print_error(FembError("no faces", hint="bring some"))
    print_error(FembError("no light"))
    assert capsys.readouterr() == ("", "error: no faces\nhint: bring some\nerror: no light\n")


def test_debugging_shows_the_traceback(femb, monkeypatch):
    monkeypatch.setenv("FEMB_DEBUG", "1")
    with pytest.raises(FembError):
        femb("train", "missing.yaml")


@pytest.mark.parametrize(
    ("given", "completed"),
    [
        (["train", "--resume"], ["train", "--resume", "newest"]),
        (["train", "--resume", "--steps", "9"], ["train", "--resume", "newest", "--steps", "9"]),
        (["train", "--resume", "runs/a"], ["train", "--resume", "runs/a"]),
        (["embed", "x", "--resume"], ["embed", "x", "--resume"]),
        ([], []),
    ],
)
def test_a_resume_without_a_run_means_the_newest(given, completed):
    before = list(given)
    assert name_bare_resume(given) == completed
    assert given == before


def test_the_package_runs_as_a_module():
    done = subprocess.run([sys.executable, "-m", "femb_cli", "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"femb {__version__}\n")
