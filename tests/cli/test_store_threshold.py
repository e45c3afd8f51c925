"""`femb verify --store-threshold`, and how `femb inspect` and `femb compare` show what it stored."""

import json
import shutil

import pytest

from femb_cli.checkpoints.store import open_checkpoint
from femb_cli.inference import load_embedder
from femb_cli.inference.model_digest import model_digest


@pytest.fixture
def model(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "model", symlinks=True)
    return tmp_path / "model"


def store(*rates, dataset="synthetic"):
    options = [option for rate in rates for option in ("--store-threshold", rate)]
    return ("verify", "--dataset", dataset, "--model", "model", *options, "--device", "cpu")


def test_a_threshold_is_stored_shown_and_used(femb, model):
    digest = model_digest(load_embedder(model, "cpu"))
    result = femb(*store("1e-2", "0.05"))
    assert result.code == 0, result.err
    assert "FMR 1e-2 on synthetic rests on 6 false matches of 600 impostor pairs" in result.err
    assert "femb compare A.jpg B.jpg --model model" in result.err
    stored = open_checkpoint(model).card.thresholds
    assert [threshold.fmr for threshold in stored] == [0.05, 1e-2]
    assert stored[0].cosine < stored[1].cosine
    assert model_digest(load_embedder(model, "cpu")) == digest

    shown = femb("inspect", "model")
    assert f"at FMR 1e-2    cosine {stored[1].cosine:.4f}, measured on synthetic (600" in shown.out
    details = json.loads(femb("inspect", "model", "--json").out)
    assert [entry["fmr"] for entry in details["thresholds"]] == [0.05, 1e-2]

    samples = sorted((model / "samples").iterdir())[:2]
    compared = femb("compare", *samples, "--model", "model", "--fmr", "1e-2")
    assert compared.code == 0, compared.err
    assert f"at threshold {stored[1].cosine:.3f} (FMR 1e-2 on synthetic): " in compared.out
    assert "of 600" in compared.out


def test_a_threshold_is_replaced_only_with_overwrite(femb, model):
    assert femb(*store("0.05")).code == 0
    refused = femb(*store("0.05"))
    assert (refused.code, refused.out) == (1, "")
    assert "model has a threshold already" in refused.err
    assert femb(*store("0.05"), "--overwrite").code == 0
    assert len(open_checkpoint(model).card.thresholds) == 1


def test_too_few_impostor_pairs_change_nothing(femb, model):
    before = open_checkpoint(model).model_file.read_bytes()
    result = femb(*store("1e-3"))
    assert result.code == 1
    assert "600 impostor pairs, too few for a threshold at FMR 1e-3: 3,000 are needed" in result.err
    assert open_checkpoint(model).model_file.read_bytes() == before


def test_too_few_impostor_pairs_are_refused_before_anything_is_embedded(femb, model, monkeypatch):
    def fail(*_, **__):
        raise AssertionError("the model was used")

    monkeypatch.setattr("femb_cli.inference.verify_job.VerifyJob.score", fail)
    assert "600 impostor pairs, too few for a threshold" in femb(*store("1e-3")).err


def test_a_model_with_a_name_gets_its_threshold(femb, model):
    result = femb("verify", "--dataset", "synthetic", "--model", "small=model", "--store-threshold", "0.05")
    assert result.code == 0, result.err
    assert "femb compare A.jpg B.jpg --model model" in result.err


def test_an_onnx_file_is_refused_before_anything_is_embedded(femb, trained_onnx):
    result = femb("verify", "--dataset", "synthetic", "--model", trained_onnx, "--store-threshold", "1e-2")
    assert (result.code, result.out) == (1, "")
    assert "it is an ONNX file" in result.err


@pytest.mark.parametrize(
    "options",
    [
        ("--store-threshold", "0"),
        ("--store-threshold", "1"),
        ("--store-threshold", "nan"),
        ("--store-threshold", "1e-2", "--model", "a", "--model", "b"),
        ("--store-threshold", "1e-2", "--dataset", "lfw", "--dataset", "xqlfw"),
        ("--store-threshold", "1e-2", "--pairs", "p.csv", "--embeddings", "e.npy"),
        ("--store-threshold", "1e-2", "--templates", "ijb", "--embeddings", "e.npy"),
    ],
)
def test_what_cannot_be_stored_is_a_wrong_option(femb, options):
    result = femb("verify", *options)
    assert (result.code, result.out) == (2, "")
