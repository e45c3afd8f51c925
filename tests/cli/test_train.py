"""A training reads its dataset in whichever form it lies."""

import json
import os
from collections import defaultdict

import numpy as np
import parquets
import pytest

from femb_cli.cli.output import Output
from femb_cli.cli.train import _report
from femb_cli.data.synthetic.faces import photograph


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Eight drawn people, four photographs each."""
    folder = tmp_path_factory.mktemp("people")
    for identity in range(8):
        (folder / f"person{identity}").mkdir()
        for index in range(4):
            (folder / f"person{identity}" / f"{index}.jpg").write_bytes(photograph(1, identity, index).jpeg)
    return folder


def train(femb, data, out):
    settings = ("--set", "backbone.width=0.125", "--set", "validation.benchmarks=[]")
    result = femb("train", "--data", data, "--out", out, "--steps", 3, "--batch-size", 10, *settings, "--json")
    assert result.code == 0, result.err
    return json.loads(result.out)["loss"]


def test_arrow_is_trained_on_like_the_folder_that_it_was_made_of(femb, people, tmp_path):
    assert femb("convert", people, "arrow", "--quiet").code == 0
    assert train(femb, "arrow", "one") == train(femb, people, "two")


def test_parquet_is_trained_on(femb, people, tmp_path):
    assert femb("convert", people, "parquet", "--format", "parquet", "--quiet").code == 0
    assert np.isfinite(train(femb, "parquet", "one"))


def test_a_data_set_on_the_hub_is_trained_on_as_it_streams(femb, people, tmp_path, monkeypatch):
    import huggingface_hub
    from fsspec.implementations.dirfs import DirFileSystem
    from fsspec.implementations.local import LocalFileSystem

    hub = tmp_path / "hub" / "datasets" / "owner"
    assert femb("convert", people, hub / "faces@main", "--format", "parquet", "--quiet").code == 0
    local = DirFileSystem(os.fspath(tmp_path / "hub"), LocalFileSystem())
    monkeypatch.setattr(huggingface_hub, "HfFileSystem", lambda: local)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: hub / "faces@main")
    assert train(femb, "owner/faces", "one") == train(femb, hub / "faces@main", "two")


def test_a_list_is_trained_on(femb, people, tmp_path):
    lines = [f"{people}/person{identity}/{index}.jpg 0 {identity} 0\n" for identity in range(8) for index in range(4)]
    (tmp_path / "faces.list").write_text("".join(lines))
    assert np.isfinite(train(femb, "faces.list", "one"))


def test_the_next_command_verifies_on_the_people_who_are_held_out(capsys):
    result = {"benchmark": "held-out", "accuracy": 0.9, "eer": 0.1}
    summary = {"run": "run", "steps": 8, "loss": 1.0, "seconds": 3.0, "samples": False, "verification": result}
    summary["held_out"] = {"pairs": "run/held_out.csv", "images": "people"}
    summary["resumed_from"] = 5
    _report(Output(), defaultdict(lambda: None, summary), uses_newest=False)
    said = capsys.readouterr()
    assert "held-out   90.00 % of pairs right" in said.out
    assert "seconds    3.0, since it was resumed after step 5" in said.out
    assert "femb verify --pairs run/held_out.csv --images people --model run" in said.err


def test_files_of_the_training_set_that_are_not_read_are_named(femb, people):
    film = people / "person0" / "film.mp4"
    film.write_bytes(b"")
    try:
        result = femb("train", "--data", people, "--batch-size", 10, "--dry-run", "--quiet")
    finally:
        film.unlink()
    assert result.code == 0, result.err
    assert "warning: 1 file not read: 1 .mp4\n" in result.err


def test_the_column_of_people_is_a_setting_of_the_run(femb, tmp_path):
    columns = {"image": parquets.images(range(6)), "sex": [0, 0, 0, 0, 1, 1], "name": list("aabbcc")}
    path = parquets.write(tmp_path / "a.parquet", columns)
    plan = json.loads(femb("train", "--data", path, "--batch-size", 2, "--dry-run", "--json", "--label", "sex").out)
    assert plan["identities"] == 2
    assert "label: sex" in plan["config"]
    result = femb("train", "--data", path, "--batch-size", 2, "--dry-run", "--json")
    assert json.loads(result.out)["identities"] == 3


def test_one_person_for_each_image_is_warned_of(femb, tmp_path):
    path = parquets.write(tmp_path / "a.parquet", {"image": parquets.images(range(4)), "id": [4, 5, 6, 7]})
    result = femb("train", "--data", path, "--batch-size", 2, "--dry-run", "--quiet")
    assert "warning: each of the 4 images has a person of its own: --label COLUMN" in result.err
