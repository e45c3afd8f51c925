"""Benchmarks by name: found, fetched from a server, refused with a way out."""

import hashlib
import json
import shutil
import zipfile
from pathlib import Path

import pytest
from range_server import serve

from femb_cli.data.synthetic.faces import photograph

FOLDS, PAIRS = 10, 2


@pytest.fixture
def published(tmp_path_factory) -> Path:
    """A folder with an archive and pairs in the layout of XQLFW."""
    folder = tmp_path_factory.mktemp("published")
    people = FOLDS * 2
    with zipfile.ZipFile(folder / "xqlfw_aligned_112.zip", "w") as archive:
        for person in range(people):
            for index in (1, 2, 3):
                name = f"xqlfw_aligned_112/Person_{person}/Person_{person}_{index:04d}.jpg"
                archive.writestr(name, photograph(3, person, index).jpeg)
    lines = [f"{FOLDS}\t{PAIRS}"]
    for fold in range(FOLDS):
        a, b = 2 * fold, 2 * fold + 1
        lines += [
            f"Person_{a}\t1\t2",
            f"Person_{b}\t1\t3",
            f"Person_{a}\t1\tPerson_{b}\t1",
            f"Person_{a}\t2\tPerson_{b}\t3",
        ]
    (folder / "xqlfw_pairs.txt").write_bytes("\r\n".join([*lines, ""]).encode())
    return folder


@pytest.fixture
def server(published):
    """The address of a local server of that folder."""
    with serve(published) as address:
        yield address


def test_xqlfw_is_the_default_is_fetched_once_and_scored(femb, trained, server, published, monkeypatch, tmp_path):
    monkeypatch.setenv("FEMB_MIRROR", server)
    (tmp_path / "data").mkdir()
    shutil.copy(published / "xqlfw_pairs.txt", tmp_path / "data")
    first = femb("verify", "--data-dir", "data", "-m", trained, "--json")
    assert first.code == 0, first.err
    metrics = json.loads(first.out)
    assert metrics["benchmark"] == "xqlfw"
    assert metrics["protocol"] == "xqlfw"
    assert metrics["num_pairs"] == FOLDS * PAIRS * 2
    archive = published / "xqlfw_aligned_112.zip"
    assert f"{archive.stat().st_size:,} bytes" in first.err
    assert hashlib.sha256(archive.read_bytes()).hexdigest() in first.err
    assert "published ones for XQLFW" in first.err  # this pair list is the user's own
    monkeypatch.setenv("FEMB_MIRROR", "http://127.0.0.1:9")
    again = femb("verify", "--dataset", "xqlfw", "--data-dir", "data", "-m", trained, "--json")
    assert json.loads(again.out) == metrics


def test_a_downloaded_file_that_is_not_the_published_one_is_refused(femb, trained, server, monkeypatch, tmp_path):
    monkeypatch.setenv("FEMB_MIRROR", server)
    result = femb("verify", "--data-dir", "data", "-m", trained)
    assert result.code == 1
    assert f"{server}/xqlfw_pairs.txt is not the published file" in result.err
    assert [file.name for file in (tmp_path / "data").iterdir()] == ["xqlfw_aligned_112.zip"]


def test_the_metrics_are_those_of_the_same_pairs_over_the_unpacked_folder(femb, trained, published):
    with zipfile.ZipFile(published / "xqlfw_aligned_112.zip") as archive:
        archive.extractall(published)
    (published / "xqlfw_aligned_112.zip").unlink()
    by_name = json.loads(femb("verify", "--data-dir", published, "-m", trained, "--json").out)
    by_path = json.loads(
        femb(
            *("verify", "--pairs", published / "xqlfw_pairs.txt", "--images", published / "xqlfw_aligned_112"),
            *("-m", trained, "--json"),
        ).out
    )
    for key in ("num_pairs", "eer", "auc", "tar_at_far"):
        assert by_name[key] == by_path[key]


def test_without_a_network_the_two_files_and_their_place_are_named(femb, trained, monkeypatch, tmp_path):
    monkeypatch.setenv("FEMB_MIRROR", "http://127.0.0.1:9")
    result = femb("verify", "--data-dir", "data", "-m", trained)
    assert result.code == 1
    for word in ("xqlfw_aligned_112.zip", "xqlfw_pairs.txt", "into data/", "--data-dir"):
        assert word in result.err
    assert "Traceback" not in result.err


def test_lfw_and_its_development_view_are_scored_from_a_data_folder(femb, trained, published):
    (published / "xqlfw_aligned_112.zip").rename(published / "lfw_aligned_112.zip")
    pairs = (published / "xqlfw_pairs.txt").read_text()
    (published / "protocols").mkdir()
    (published / "protocols" / "pairs.txt").write_text(pairs)
    genuine = [line for line in pairs.splitlines()[1:] if line.count("\t") == 2]
    impostor = [line for line in pairs.splitlines()[1:] if line.count("\t") == 3]
    (published / "pairsDevTest.txt").write_text("\n".join([str(len(genuine)), *genuine, *impostor]) + "\n")
    result = femb(
        "verify", "--dataset", "lfw", "--dataset", "lfw-dev", "--data-dir", published, "-m", trained, "--json"
    )
    assert result.code == 0, result.err
    results = json.loads(result.out)["results"]
    assert [item["benchmark"] for item in results] == ["lfw", "lfw-dev"]
    assert [item["num_folds"] for item in results] == [10, 10]
    assert results[0]["auc"] == results[1]["auc"]
    table = femb("verify", "--dataset", "lfw", "--dataset", "lfw-dev", "--data-dir", published, "-m", trained).out
    assert len(table.splitlines()) == 3
