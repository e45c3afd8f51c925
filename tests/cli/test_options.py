"""Options that commands share, and the names that a shell completes."""

import subprocess
import sys

import pytest

from femb_cli.cli.app import app
from femb_cli.cli.options import backbone_names, benchmark_names, header_names


@pytest.mark.parametrize(
    ("complete", "start", "names"),
    [
        (header_names, "mag", ["magface"]),
        (header_names, "c", ["cosface", "combined", "curricularface"]),
        (backbone_names, "iresnet1", ["iresnet18", "iresnet100", "iresnet152"]),
        (backbone_names, "x", []),
        (benchmark_names, "xq", ["xqlfw"]),
    ],
)
def test_names_are_completed(complete, start, names):
    assert complete(start) == names


def test_completing_a_header_loads_neither_pydantic_nor_yaml():
    code = "from femb_cli.cli.options import header_names; assert header_names(''); import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()).isdisjoint({"pydantic", "pydantic_core", "yaml", "torch", "numpy"})


COMMANDS = [command.name or command.callback.__name__ for command in app.registered_commands]


def test_an_option_has_the_same_help_in_every_command(femb, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    helps = {command: " ".join(femb(command, "--help").out.replace("│", " ").split()) for command in COMMANDS}
    for option, words in {
        "--json": "Print one JSON document",
        "--quiet": "Print results and errors",
        "--overwrite": "Replace an output",
        "--dry-run": "Show what would be done",
    }.items():
        having = [text for text in helps.values() if f" {option} " in text]
        assert len(having) > 2
        assert all(words in text for text in having)
