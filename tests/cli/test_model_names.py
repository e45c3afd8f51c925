"""`femb verify --model NAME=PATH`, and what is said of models beside each other."""

import json
from pathlib import Path

import pytest

from femb_cli.cli.model_names import NamedPath, named_paths
from femb_cli.errors import UsageError


@pytest.mark.parametrize(
    ("text", "name", "path"),
    [
        ("runs/a", "", "runs/a"),
        ("small=runs/a", "small", "runs/a"),
        ("runs/lr=0.1/model", "", "runs/lr=0.1/model"),
        ("small=runs/lr=0.1", "small", "runs/lr=0.1"),
    ],
)
def test_a_name_stands_before_the_path(text, name, path):
    assert NamedPath.parse(text, "--model") == NamedPath(name, Path(path))


def test_a_path_that_is_there_may_have_the_sign(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lr=0.1").mkdir()
    assert NamedPath.parse("lr=0.1", "--model") == NamedPath("", Path("lr=0.1"))


@pytest.mark.parametrize("texts", [["=runs/a"], ["small="], ["a=x", "a=y"], ["a", "a/"], ["a=x", "a"]])
def test_names_that_say_nothing_are_refused(texts):
    with pytest.raises(UsageError):
        named_paths(texts, "--model")


@pytest.mark.slow
@pytest.mark.usefixtures("quick_figures")
def test_names_are_in_table_document_and_page(femb, trained, tmp_path):
    models = ("--model", f"small={trained}", "--model", f"same={trained}")
    options = ("verify", "--dataset", "synthetic", *models, "--device", "cpu", "--report", "report")
    result = femb(*options)
    assert result.code == 0, result.err
    assert [line.split()[1] for line in result.out.splitlines()] == ["model", "small", "same"]
    page = (tmp_path / "report" / "report.html").read_text()
    assert "small" in page
    results = json.loads((tmp_path / "report" / "results.json").read_text())["results"]
    assert [each["model"] for each in results] == ["small", "same"]
