"""`femb config`: the whole of a configuration, or the error in it."""

import json
from pathlib import Path

from femb_cli.config.load import load_config, to_tree


def test_every_value_is_shown_and_can_be_read_back(femb):
    result = femb("config", "quickstart", "--set", "header=magface", "--set", "header.lambda_g=20")
    assert result.code == 0
    Path("shown.yaml").write_text(result.out, encoding="utf-8")
    expected = load_config("quickstart", ["header=magface", "header.lambda_g=20"])
    assert load_config("shown.yaml") == expected
    shown = femb("config", "shown.yaml", "--json")
    assert json.loads(shown.out) == to_tree(expected)


def test_without_a_file_the_defaults_are_shown(femb):
    assert json.loads(femb("config", "--json").out) == to_tree(load_config(None))


def test_a_mistake_is_named_with_its_key(femb):
    result = femb("config", "--set", "header.margn=0.3")
    assert (result.code, result.out) == (2, "")
    assert result.err == "error: unknown setting 'header.margn'\nhint: did you mean 'header.margin'?\n"
