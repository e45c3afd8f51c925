"""The next commands name what is on this machine."""

from collections import defaultdict
from pathlib import Path

import pytest

from femb_cli.checkpoints.threshold import how_to_store
from femb_cli.cli.next_commands import (
    after_alignment,
    after_benchmarks,
    after_checkpoint,
    after_dataset,
    after_embedding,
    after_quantization,
    after_training,
)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FEMB_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def lfw(here, monkeypatch):
    """LFW's files, in FEMB_DATA_DIR."""
    monkeypatch.setenv("FEMB_DATA_DIR", "data")
    Path("data").mkdir()
    for name in ("lfw_aligned_112.zip", "pairs.txt"):
        (here / "data" / name).touch()


@pytest.fixture
def a_run(trained, monkeypatch):
    monkeypatch.setenv("FEMB_RUNS_DIR", str(trained.parent))


def training(**known):
    return defaultdict(lambda: None, {"run": "run", "samples": False} | known)


def test_without_benchmarks_images_and_models_only_what_works_is_named():
    assert after_training(training(), uses_newest=True) == ["femb export -o model.safetensors"]
    assert after_checkpoint(Path("r50")) == ["femb inspect r50"]
    assert after_quantization(Path("a"), Path("b.onnx")) == []
    assert after_alignment(Path("faces")) == ["femb list models"]
    assert after_benchmarks(["lfw"]) == ["femb inspect lfw"]
    assert how_to_store("r50") == "femb verify --pairs ... --model r50 --store-threshold 1e-3 measures one"


def test_a_benchmark_that_is_here_is_named(lfw):
    assert after_training(training(), uses_newest=False) == [
        "femb verify --dataset lfw --model run",
        "femb export run -o model.safetensors",
    ]
    assert after_checkpoint(Path("r50"))[0] == "femb verify --dataset lfw --model r50"
    assert after_quantization(Path("a"), Path("b.onnx")) == ["femb verify --dataset lfw --model a --model b.onnx"]
    assert how_to_store("r50").startswith("femb verify --dataset lfw --model r50 --store-threshold 1e-3 ")


def test_the_benchmark_of_a_run_is_found_where_the_run_found_it(lfw):
    verified = training(benchmarks=["agedb_30", "sets/own.bin"])
    assert after_training(verified, uses_newest=True, data_dir=Path("data"))[0] == "femb verify --dataset agedb_30"
    elsewhere = after_training(verified, uses_newest=True, data_dir=Path("other"))
    assert elsewhere[0] == "femb verify --dataset agedb_30 --data-dir other"


def test_images_are_those_of_the_run_and_files_that_exist_are_not_overwritten(here):
    (here / "run/samples").mkdir(parents=True)
    (here / "my people").mkdir()
    (here / "embeddings.npy").touch()
    (here / "embeddings_2.npy").touch()
    assert after_training(training(samples=True), uses_newest=True)[0] == "femb embed run/samples -o embeddings_3.npy"
    held_out = training(held_out={"pairs": "run/held_out.csv", "images": "my people"})
    assert after_training(held_out, uses_newest=True)[:2] == [
        "femb verify --pairs run/held_out.csv --images 'my people'",
        "femb embed 'my people' -o embeddings_3.npy",
    ]
    streamed = training(held_out={"pairs": "run/held_out.csv", "images": "owner/name"})
    assert len(after_training(streamed, uses_newest=True)) == 2


def test_a_finished_run_is_what_embeds_and_verifies(a_run):
    assert after_alignment(Path("my faces")) == ["femb embed 'my faces' -o 'my faces.npy'"]
    assert after_benchmarks(["lfw"]) == ["femb verify --dataset lfw"]


def test_embeddings_of_several_images_are_grouped():
    assert after_embedding(Path("my faces.npy"), 2) == ["femb group 'my faces.npy'"]
    assert after_embedding(Path("face.npy"), 1) == ["femb inspect face.npy"]


def test_only_parquet_can_be_shown_by_the_hub():
    assert after_dataset(Path("set"), "arrow") == ["femb train --data set"]
    assert after_dataset(Path("set"), "parquet")[1] == "hf upload set set --repo-type dataset"


def test_a_converted_checkpoint_embeds_the_images_that_are_here(here):
    for file in ("photos/anna/1.JPG", "photos/anna/2.JPG", "runs/lfw/augmented.jpg", "runs/other/augmented.jpg"):
        (here / file).parent.mkdir(parents=True, exist_ok=True)
        (here / file).touch()
    (here / "photos.npy").touch()
    assert after_checkpoint(Path("r50")) == ["femb embed photos -o photos_2.npy --model r50"]


def test_aligned_faces_are_embedded_by_a_checkpoint_that_is_here(here):
    (here / "r50").mkdir()
    (here / "r50/model.safetensors").touch()
    assert after_alignment(Path("crops")) == ["femb embed crops -o crops.npy --model r50"]
