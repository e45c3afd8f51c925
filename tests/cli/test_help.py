"""The help of the commands: it fits a terminal, and says everything that a person needs to know."""

import pytest

from femb_cli.cli.commands import COMMANDS


@pytest.fixture(autouse=True)
def narrow_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_fits_two_screens_of_80_columns(femb, command):
    lines = femb(command, "--help").out.splitlines()
    assert len(lines) <= 90
    assert all(len(line) <= 80 for line in lines if not line.startswith("  femb "))


def test_the_commands_are_in_groups_by_what_they_are_for(femb):
    lines = femb("--help").out.splitlines()
    headings = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert headings[0] == "Use faces:"
    assert headings[-1] == "Options:"
    assert max(map(len, lines)) <= 80


def test_options_are_in_groups_with_their_limits_and_defaults_in_words(femb):
    page = femb("search", "--help").out
    assert "-k, --top N" in page
    assert "[default: 5; at least\n                          1]" in page
    assert "--align auto|never|always\n" in page
    assert "--flip none|sum " in page
    assert page.index("Photos:") < page.index("Machine:") < page.index("Output:") < page.index("--json")
    assert "<" not in page and "bool" not in page


@pytest.mark.parametrize("command", COMMANDS)
def test_what_stands_for_a_value_says_what_it_is_and_not_its_type(femb, command):
    page = femb(command, "--help").out
    assert " TEXT" not in page and " PATH" not in page.replace("[PATH]", "").replace("\n  PATH", "")
    usage = page.partition("\n")[0]
    assert "[[" not in usage and "]]" not in usage, usage


def test_a_command_with_a_hyphen_stays_whole(femb):
    assert "convert-\n" not in femb("list", "--help").out


def test_an_argument_is_shown_without_a_type(femb):
    assert "\n  RUN...  " in femb("report", "--help").out and "\n  SRC...  " in femb("convert", "--help").out
    assert "\n  CONFIG  " in femb("config", "--help").out
    assert "\n  QUERY    " in femb("search", "--help").out
    assert "\n  IMAGES...  " in femb("align", "--help").out
