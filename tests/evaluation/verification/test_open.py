"""Benchmark directories and `.bin` files: `femb verify --dataset DIR`."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from femb_cli.data.conversion.benchmark import write_benchmark
from femb_cli.data.verification_bin.verification_set import read_verification_set
from femb_cli.evaluation.verification.open import open_benchmark
from femb_cli.progress import silent


@pytest.fixture
def benchmark(shared, tmp_path):
    """InsightFace's own packer wrote the set that this directory is made of."""
    file = shared / "data" / "records" / "lfw_tiny120pairs_lfw2pack.bin"
    result = write_benchmark(read_verification_set(file), tmp_path / "lfw_tiny", source=file.name)
    assert (result.num_pairs, result.num_genuine, result.num_skipped) == (120, 60, 0)
    return result.path


def test_a_converted_verification_set_is_scored(femb, trained, benchmark):
    result = femb("verify", "--dataset", benchmark, "-m", trained, "--json")
    assert result.code == 0, result.err
    metrics = json.loads(result.out)
    assert metrics["benchmark"] == "lfw_tiny"
    assert metrics["protocol"] == "arcface"
    assert (metrics["num_pairs"], metrics["num_genuine"], metrics["num_folds"]) == (120, 60, 10)


def test_a_verification_set_is_scored_as_it_is(femb, shared, trained, benchmark):
    converted = json.loads(femb("verify", "--dataset", benchmark, "-m", trained, "--json").out)
    records = shared / "data" / "records"
    file = femb("verify", "--dataset", records / "lfw_tiny120pairs_lfw2pack.bin", "-m", trained, "--json")
    named = femb("verify", "--dataset", "lfw_tiny120pairs_lfw2pack", "--data-dir", records, "-m", trained, "--json")
    assert file.code == 0, file.err
    assert json.loads(file.out) == json.loads(named.out) == converted | {"benchmark": "lfw_tiny120pairs_lfw2pack"}


@pytest.mark.parametrize("written", ["cfp_fp", "CFP-FP"])
def test_insightfaces_sets_have_names(femb, shared, trained, tmp_path, written):
    shutil.copy(shared / "data" / "records" / "lfw_tiny120pairs_lfw2pack.bin", tmp_path / "cfp_fp.bin")
    metrics = json.loads(femb("verify", "--dataset", written, "--data-dir", ".", "-m", trained, "--json").out)
    assert (metrics["benchmark"], metrics["num_pairs"]) == ("cfp_fp", 120)


def test_lfw_may_be_insightfaces_set(femb, shared, trained, tmp_path):
    shutil.copy(shared / "data" / "records" / "lfw_tiny120pairs_lfw2pack.bin", tmp_path / "lfw.bin")
    metrics = json.loads(femb("verify", "--dataset", "lfw", "--data-dir", ".", "-m", trained, "--json").out)
    assert (metrics["benchmark"], metrics["num_pairs"]) == ("lfw", 120)


def test_a_named_set_that_is_not_here_says_where_it_comes_from(femb, trained):
    result = femb("verify", "--dataset", "agedb_30", "--data-dir", ".", "-m", trained)
    assert result.code == 1
    assert "AgeDB-30: agedb_30.bin is not in ." in result.err
    assert "InsightFace's training sets" in result.err


def test_the_same_pairs_as_images_give_the_same_metrics(femb, trained, benchmark):
    from_set = json.loads(femb("verify", "--dataset", benchmark, "-m", trained, "--json").out)
    pairs = ("--pairs", benchmark / "pairs.csv", "--images", benchmark / "images", "--no-cache")
    from_images = json.loads(femb("verify", *pairs, "-m", trained, "--json").out)
    assert from_images == from_set | {"benchmark": "pairs.csv"}


@pytest.mark.usefixtures("quick_figures")
def test_a_report_has_intervals_pictures_and_the_command(femb, trained, benchmark, tmp_path):
    result = femb("verify", "--dataset", benchmark, "-m", trained, "--report", "report", "--intervals", "--json")
    assert result.code == 0, result.err
    intervals = json.loads(result.out)["intervals"]
    assert intervals["eer"]["low"] <= json.loads(result.out)["eer"] <= intervals["eer"]["high"]
    page = (tmp_path / "report" / "report.html").read_text()
    assert "data:image/" in page and "Error versus discard" in page
    assert {"edc.svg", "hardest_1.png", "results.json"} <= {file.name for file in (tmp_path / "report").iterdir()}


def test_the_images_may_be_a_zip(femb, trained, benchmark):
    from_folder = femb("verify", "--dataset", benchmark, "-m", trained, "--json")
    shutil.make_archive(str(benchmark / "images"), "zip", benchmark / "images")
    shutil.rmtree(benchmark / "images")
    from_zip = femb("verify", "--dataset", benchmark, "-m", trained, "--json")
    assert json.loads(from_zip.out) == json.loads(from_folder.out)


def test_two_lists_of_pairs_are_one_too_many(femb, trained, benchmark):
    (benchmark / "pairs.txt").write_text("1\n")
    result = femb("verify", "--dataset", benchmark, "-m", trained)
    assert result.code == 1
    assert "holds pairs.csv and pairs.txt" in result.err


def test_a_directory_without_images_or_pairs_is_no_benchmark(femb, trained, tmp_path):
    (tmp_path / "empty").mkdir()
    result = femb("verify", "--dataset", "empty", "-m", trained)
    assert result.code == 1
    assert "neither images nor images.zip" in result.err


def test_an_unknown_name_is_told_that_a_directory_may_be_given(femb, trained):
    result = femb("verify", "--dataset", "nowhere", "-m", trained)
    assert result.code == 2
    assert "unknown benchmark 'nowhere'" in result.err
    assert "a folder with pairs.csv" in result.err


def test_the_synthetic_benchmark_s_people_are_in_one_fold_each():
    pairs = open_benchmark("synthetic", None, say=silent).pairs
    folds: dict[str, set[int]] = {}
    for left, right, fold in zip(pairs.left, pairs.right, pairs.folds_N.tolist(), strict=True):
        for name in (left, right):
            folds.setdefault(name.split("/")[0], set()).add(fold)
    assert all(len(where) == 1 for where in folds.values())
    assert np.array_equal(np.bincount(pairs.folds_N), np.full(10, 120))


def test_a_verification_set_that_two_open_at_once_is_unpacked_once(shared, tmp_path, monkeypatch):
    monkeypatch.setenv("FEMB_CACHE_DIR", str(tmp_path / "cache"))
    file = shared / "data" / "records" / "lfw_tiny120pairs_lfw2pack.bin"
    with ThreadPoolExecutor(3) as threads:
        opened = list(threads.map(lambda _: open_benchmark(str(file), None, say=silent), range(3)))
    assert [len(each.pairs) for each in opened] == [120] * 3
    assert len(list((tmp_path / "cache" / "benchmarks").iterdir())) == 1
