"""Options that commands share."""

import re
from collections import defaultdict

import pytest
import typer

from femb_cli.cli.app import build_app

COMMANDS = typer.main.get_command(build_app()).commands


def options_of(command):
    return {name: option for option in command.params for name in option.opts if name.startswith("--")}


def having(name):
    return {command for command, parsed in COMMANDS.items() if name in options_of(parsed)}


def test_an_option_has_one_short_form_and_one_meaning_in_every_command():
    meanings = defaultdict(set)
    for command in COMMANDS.values():
        for name, option in options_of(command).items():
            lead = re.split(r"[.,:;(]", option.help)[0].strip()
            meanings[name].add((*sorted(option.opts), *option.secondary_opts, lead))
    assert {name: found for name, found in meanings.items() if len(found) > 1} == {}


def test_a_short_form_stands_for_one_option():
    short = {(name, option.opts[0]) for one in COMMANDS.values() for option in one.params for name in option.opts}
    short = [name for name, _ in short if re.fullmatch("-[a-z]", name)]
    assert sorted(short) == ["-k", "-m", "-n", "-o", "-q"]


def test_every_command_that_can_have_an_option_has_it():
    assert having("--json") == having("--quiet") == set(COMMANDS)
    to_last_argument = {name for name, one in COMMANDS.items() if any(each.metavar == "DST" for each in one.params)}
    assert to_last_argument == {"align", "convert", "convert-checkpoint"}
    assert having("--overwrite") == having("--out") | to_last_argument | {"verify"}
    assert having("--dry-run") == having("--overwrite") - {"inspect"}
    assert having("--flip") == having("--align") - {"convert"}
    assert having("--model") == having("--flip") | {"export"}
    assert having("--device") == having("--flip") | {"train", "align", "convert"}


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ("embed people -o e.npy --no-flip", "--flip none adds no mirror images"),
        ("embed people -o e.npy --flip", "--flip sum adds"),
        ("search a.npy b.npy --min-score 0.5", "--threshold X"),
        ("identify a.npy b.npy --matches c.csv", "--out FILE"),
        ("convert people -o out", "the output is the last argument, DST"),
        ("embed people --output e.npy", "--out FILE is the output"),
        ("list --force", "femb list --help shows what it takes"),
    ],
)
def test_another_spelling_gets_the_right_one_as_hint(femb, arguments, hint):
    result = femb(*arguments.split())
    assert result.code == 2
    assert f"\nhint: {hint}" in result.err
