"""`femb list`: everything that can be named, with one line about it."""

import json
import os
import sys

import pytest

from femb_cli.config.load import shipped_configs
from femb_cli.config.schema import AugmentConfig, BackboneConfig, HeaderConfig
from femb_cli.config.section import choices

NAMES = {
    "headers": set(choices(HeaderConfig)),
    "backbones": set(choices(BackboneConfig)),
    "augmentations": set(choices(AugmentConfig)),
    "configs": set(shipped_configs()),
    "benchmarks": {"lfw", "xqlfw", "synthetic"},
    "families": {"adaface", "magface"},
}


@pytest.mark.parametrize("kind", [kind for kind in NAMES if kind != "backbones"])
def test_every_kind_lists_its_names_with_a_description(femb, kind):
    result = femb("list", kind, "--json")
    entries = json.loads(result.out)
    assert result.code == 0
    assert {entry["name"] for entry in entries} >= NAMES[kind]
    assert all(entry["description"] and "\n" not in entry["description"] for entry in entries)
    lines = femb("list", kind).out.splitlines()
    assert [line.split()[0] for line in lines][-len(entries) :] == [entry["name"] for entry in entries]


def test_without_a_kind_all_names_are_listed(femb):
    names = json.loads(femb("list", "--json").out)
    assert all(set(names[kind]) >= some for kind, some in NAMES.items())
    assert names["runs"] == [] and "mobilefacenet_foamliu" in names["models"]
    lines = femb("list").out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[-1].split() == ["runs", "none"]


def test_without_a_kind_what_is_here_of_the_benchmarks_and_the_state_of_runs_is_said(femb, tmp_path, monkeypatch):
    monkeypatch.setenv("FEMB_DATA_DIR", str(tmp_path))
    (tmp_path / "calfw.bin").touch()
    (tmp_path / "runs/mine/checkpoints").mkdir(parents=True)
    (tmp_path / "runs/mine/config.yaml").write_text("data: {name: dataset, path: people}\n")
    text = " ".join(femb("list").out.split())
    assert "calfw (here), cplfw (missing)" in text and "xqlfw (fetched)" in text
    assert text.endswith("runs runs/mine (unfinished)")


def test_backbones_have_their_published_numbers_of_parameters(femb):
    entries = {entry["name"]: entry for entry in json.loads(femb("list", "backbones", "--json").out)}
    assert entries.keys() >= NAMES["backbones"]
    # As InsightFace publishes.
    assert entries["iresnet50"]["parameters"] == pytest.approx(43.59e6, rel=1e-3)
    assert entries["iresnet50"]["input_size"] == 112
    assert entries["iresnet50"]["operations"] == pytest.approx(12.6e9, rel=0.02)  # insightface: 6.3 GMACs
    assert entries["iresnet50"]["ijbc_tar_at_far_1e-4_percent"] > 97


def test_benchmarks_say_whether_their_files_are_here(femb, tmp_path, monkeypatch):
    monkeypatch.setenv("FEMB_DATA_DIR", str(tmp_path))
    (tmp_path / "calfw.bin").touch()
    files = {entry["name"]: entry["files"] for entry in json.loads(femb("list", "benchmarks", "--json").out)}
    assert files["calfw"] == "here"
    assert files["cplfw"] == "missing"
    assert files["synthetic"] == "drawn by femb"


def test_headers_and_configs_are_described_by_their_own_first_line(femb):
    headers = {entry["name"]: entry["description"] for entry in json.loads(femb("list", "headers", "--json").out)}
    assert headers["arcface"] == choices(HeaderConfig)["arcface"].__doc__.splitlines()[0]
    configs = {entry["name"]: entry["description"] for entry in json.loads(femb("list", "configs", "--json").out)}
    assert f"# {configs['quickstart']}\n" in shipped_configs()["quickstart"].read_text(encoding="utf-8")


def test_runs_are_listed_the_one_that_changed_last_first(femb, tmp_path):
    for name, step in (("old", 20), ("new", 40)):
        run = tmp_path / "runs" / name
        (run / "checkpoints").mkdir(parents=True)
        (run / "config.yaml").write_text("data: {name: dataset, path: people}\nsteps: 40\n")
        lines = [{"step": step, "loss": 1.5}, {"step": step, "lfw/accuracy": 0.9925}]
        (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        for file in run.glob("*.*"):
            os.utime(file, (10**9 + step, 10**9 + step))
    (tmp_path / "runs/new/summary.json").write_text("{}")
    os.utime(tmp_path / "runs/new/summary.json", (10**9 + 60,) * 2)
    _, *rows = femb("list", "runs").out.splitlines()
    assert [row.split()[:7] for row in rows] == [
        ["runs/new", "finished", "40/40", "1.500", "lfw", "99.25", "%"],
        ["runs/old", "unfinished", "20/40", "1.500", "lfw", "99.25", "%"],
    ]
    newest = json.loads(femb("list", "runs", "--json").out)[0]
    assert newest["best"] == {"benchmark": "lfw", "accuracy": 0.9925, "step": 40}
    assert newest["changed"] == "2001-09-09T01:47:40+00:00"


def test_without_runs_the_list_is_empty_and_says_where_it_looked(femb):
    result = femb("list", "runs", "--json")
    assert json.loads(result.out) == []
    assert "no runs under runs" in result.err


def test_the_configurations_fit_a_terminal_and_published_recipes_come_last(femb):
    lines = femb("list", "configs").out.splitlines()
    assert max(map(len, lines)) <= 80
    names = [line.split()[0] for line in lines]
    assert "quickstart" in names[:5]
    assert names[5:] == sorted(names[5:])


def test_an_unknown_kind_lists_the_known_ones(femb):
    assert femb("list", "heads").err.endswith("did you mean headers?\n")
    assert femb("list", "people").err.endswith("femb list --help shows what it takes\n")
    assert "augmentations, benchmarks" in " ".join(femb("list", "--help").out.split())


def test_models_are_listed_with_their_licence_and_the_command_that_converts_them(femb):
    result = femb("list", "models")
    columns, *rows = result.out.splitlines()
    entries = json.loads(femb("list", "models", "--json").out)
    assert columns.split()[0] == "model"
    assert [row.split()[0] for row in rows] == [entry["name"] for entry in entries]
    assert "\n  femb convert-checkpoint mobilefacenet_foamliu mobilefacenet_foamliu\n" in result.err
    for entry in entries:
        assert entry["license"] and entry["address"].startswith("https://")
        assert entry["convert"].endswith(f" {entry['name']}")
    fetched = [entry["can_be_fetched"] for entry in entries]
    assert fetched == sorted(fetched, reverse=True) and any(fetched) and not all(fetched)


def test_the_table_of_models_fits_a_terminal_of_80_columns(femb, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    lines = femb("list", "models").out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1].split() == ["mobilefacenet_foamliu", "99.48", "yes", "Apache-2.0"]
