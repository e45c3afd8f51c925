"""Runs that start from a checkpoint's weights."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from tiny import TINY

from femb_cli.backbones import build_configured_backbone
from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.store import open_checkpoint, save_checkpoint
from femb_cli.classifier import MarginClassifier
from femb_cli.config.load import load_config
from femb_cli.config.schema import IResNetConfig
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.headers import build_header
from femb_cli.training.network.warm_start import load_warm_start

OTHER = IResNetConfig("iresnet18", embedding_dim=24, input_size=32, width=0.125, bn_eps=2e-5)
OTHER_PIXELS = Preprocessing(32, "BGR", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
WIDTH = TINY.index("backbone.width=0.125")
DATA = (*TINY[: WIDTH - 1], *TINY[WIDTH + 1 :], "--set", "validation.benchmarks=[]")
"""The shortest training, on the network that it starts from."""

STILL = ("--set", "optimizer=sgd", "--lr", "1e-30", "--set", "schedule=constant", "--steps", "1")
"""A training that moves no weight."""


@pytest.fixture
def converted(tmp_path) -> Path:
    """A checkpoint as if converted: other embedding size, epsilon and pixels than femb's own, class weights of 20."""
    torch.manual_seed(5)
    card = ModelCard(
        OTHER, OTHER_PIXELS, flip="none", source={"repository": "https://example.org", "license": "research only"}
    )
    classifier = {"weight": torch.randn(20, 24)}
    save_checkpoint(tmp_path / "converted", build_configured_backbone(OTHER), card, classifier=classifier)
    return tmp_path / "converted"


def last_weights(run, file="model.safetensors"):
    return load_file(open_checkpoint(Path(run)).path / file)


def parameters_equal(ours, theirs):
    """Whether all that an optimizer moves is the same; the statistics of batch norms follow the images."""
    moved = [name for name in theirs if "running" not in name and "num_batches" not in name]
    return all(np.allclose(ours[name], theirs[name], rtol=0, atol=1e-20) for name in moved)


def test_the_first_step_s_network_is_the_checkpoint_s(converted):
    torch.manual_seed(0)
    backbone = build_configured_backbone(OTHER)
    classifier = MarginClassifier(build_header("arcface"), 24, 20)
    load_warm_start(open_checkpoint(converted), backbone, classifier)
    expected = open_checkpoint(converted).load_backbone().state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in backbone.state_dict().items())
    assert np.array_equal(classifier.weight.detach(), load_file(converted / "classifier.safetensors")["weight"])


def test_a_run_that_learns_nothing_ends_with_the_checkpoint_s_backbone_and_new_class_weights(femb, converted):
    result = femb("train", *DATA, *STILL, "--init", converted, "--out", "run")
    assert result.code == 0, result.err
    assert f"starting from {converted}" in result.err
    assert parameters_equal(last_weights("run"), load_file(converted / "model.safetensors"))
    ours, theirs = (last_weights(path, "classifier.safetensors")["weight"] for path in ("run", converted))
    assert ours.shape == theirs.shape
    assert not np.array_equal(ours, theirs)


def test_class_weights_are_taken_when_asked_for(femb, converted):
    result = femb("train", *DATA, *STILL, "--init", converted, "--set", "init.classifier=true", "--out", "run")
    assert result.code == 0, result.err
    ours, theirs = (last_weights(path, "classifier.safetensors")["weight"] for path in ("run", converted))
    assert np.array_equal(ours, theirs)


def test_the_run_keeps_epsilon_pixels_and_licence_and_says_where_it_started(femb, converted):
    assert femb("train", *DATA, "--steps", "1", "--header", "magface", "--init", "converted", "--out", "run").code == 0
    card = open_checkpoint(Path("run")).card
    assert (card.backbone, card.preprocessing, card.flip) == (OTHER, OTHER_PIXELS, "none")
    assert card.source["license"] == "research only"
    assert card.source["init"] == str(converted)
    assert (card.header["name"], card.num_identities, card.magnitude_is_quality) == ("magface", 20, True)
    assert load_config(Path("run/config.yaml")).init.checkpoint == str(converted)


def test_a_run_can_start_from_another_run_s_newest_checkpoint(femb, trained):
    assert femb("train", *DATA, *STILL, "--init", trained, "--out", "run").code == 0
    assert parameters_equal(last_weights("run"), last_weights(trained))
    assert load_config(Path("run/config.yaml")).init.checkpoint == str(trained / "checkpoints/step-000008")


def test_an_interrupted_run_ends_with_the_same_weights_though_its_start_is_gone(femb, converted):
    assert femb("train", *DATA, "--init", converted, "--out", "unbroken").code == 0
    shutil.copytree("unbroken", "run")
    shutil.rmtree("run/checkpoints/step-000008")
    Path("run/summary.json").unlink()
    shutil.rmtree(converted)
    resumed = femb("train", "--resume", "run")
    assert resumed.code == 0, resumed.err
    for file in ("model.safetensors", "classifier.safetensors"):
        ours, theirs = last_weights("run", file), last_weights("unbroken", file)
        assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)
    assert open_checkpoint(Path("run")).card == open_checkpoint(Path("unbroken")).card


def test_a_dry_run_names_the_start(femb, converted):
    plan = json.loads(femb("train", *DATA, "--init", converted, "--dry-run", "--json").out)
    assert plan["starts_from"] == f"{converted} (new class weights)"
    assert "bn_eps: 2.0e-05" in plan["config"]


@pytest.mark.parametrize(
    "arguments, code, words",
    [
        (["--init", "nowhere"], 1, ["no model at nowhere"]),
        (["--init", "converted", "--backbone", "iresnet50"], 2, ["converted", "iresnet18", "iresnet50"]),
        (["--init", "converted", "--set", "backbone.embedding_dim=64"], 2, ["embedding_dim 24", "embedding_dim 64"]),
        (["--init", "converted", "--set", "backbone.bn_eps=1e-5"], 2, ["bn_eps 2e-05", "bn_eps 1e-05"]),
        (["arcface_r50_ms1mv3", "--init", "converted", "--data", "synthetic"], 2, ["iresnet18", "iresnet50"]),
        (["--set", "init.classifier=true"], 2, ["init.classifier", "--init"]),
        (["--init", "converted", "--set", "init.classifier=true", "--set", "data.num_identities=30"], 1, ["20", "30"]),
        (["--resume", "run", "--init", "converted"], 2, ["--init"]),
    ],
)
@pytest.mark.parametrize("how", [(), ("--dry-run",)], ids=["train", "dry run"])
def test_what_does_not_fit_is_named_before_anything_is_written(femb, converted, tmp_path, arguments, code, words, how):
    result = femb("train", *arguments, *how)
    assert result.code == code, result.err
    assert all(word in result.err for word in words), result.err
    assert [path.name for path in tmp_path.iterdir()] == ["converted"]


def test_dropout_is_free_to_differ_and_the_same_name_changes_nothing(femb, converted):
    arguments = ("--init", converted, "--backbone", "iresnet18", "--set", "backbone.dropout=0.4", "--dry-run")
    plan = json.loads(femb("train", *DATA, *arguments, "--json").out)
    assert "dropout: 0.4" in plan["config"]
    assert "embedding_dim: 24" in plan["config"]


def test_a_run_is_not_overwritten_by_one_that_starts_from_it(femb, trained):
    shutil.copytree(trained, "run")
    result = femb("train", *DATA, "--init", "run", "--out", "run", "--overwrite")
    assert result.code == 2
    assert "starts from" in result.err
    assert Path("run/checkpoints/step-000008").is_dir()
