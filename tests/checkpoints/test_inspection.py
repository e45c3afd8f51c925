"""The details of a model on disk, and whether its weights match its fingerprint."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from femb_cli.backbones import build_configured_backbone
from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.checksums import CHECKSUMS
from femb_cli.checkpoints.inspection import TrainingDetails, inspect_model
from femb_cli.checkpoints.runs import CLASSIFIER, MODEL, write_config, write_summary
from femb_cli.checkpoints.store import open_checkpoint, read_metadata, save_checkpoint
from femb_cli.config.load import dump_config, to_tree
from femb_cli.config.schema import IResNetConfig, TrainConfig
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.errors import FembError

CONFIG = IResNetConfig("iresnet18", width=1 / 16, embedding_dim=8, input_size=32)


def save(path, **parts):
    torch.manual_seed(0)
    save_checkpoint(path, build_configured_backbone(CONFIG), ModelCard(CONFIG, Preprocessing(32)), **parts)
    return path


@pytest.fixture
def checkpoint(tmp_path):
    save(tmp_path / "saved", classifier={"weight": torch.ones(3, 8)})
    (tmp_path / "saved" / CHECKSUMS).unlink()  # the tests change files
    return tmp_path / "saved"


def test_a_checkpoint_has_its_card_its_size_and_class_weights(checkpoint):
    details = inspect_model(checkpoint)
    assert (details.kind, details.file) == ("checkpoint", checkpoint / MODEL)
    assert details.card == open_checkpoint(checkpoint).card
    assert details.num_parameters == sum(p.numel() for p in build_configured_backbone(CONFIG).parameters())
    assert details.num_bytes == (checkpoint / MODEL).stat().st_size
    assert (details.matches_fingerprint, details.problem) == (True, None)
    assert details.training == TrainingDetails(class_weights=3, can_be_resumed=False, step=None, data=None)
    assert details.summary is None


def test_a_single_file_has_nothing_beside_its_network(checkpoint):
    details = inspect_model(checkpoint / MODEL)
    assert (details.kind, details.training, details.summary) == ("file", None, None)
    assert "class_weights" not in details.to_json()


def test_a_run_is_its_newest_checkpoint_with_the_result(tmp_path):
    config = TrainConfig()
    save(
        tmp_path / "run/checkpoints/step-000007",
        config=dump_config(config),
        write_state=lambda state: (state / "progress.json").write_text("{}"),
    )
    write_config(tmp_path / "run", config)
    write_summary(tmp_path / "run", {"loss": 1.5})
    details = inspect_model(tmp_path / "run")
    assert (details.kind, details.file.parent.name) == ("run", "step-000007")
    assert details.summary == {"loss": 1.5}
    data = to_tree(config)["data"]
    assert details.training == TrainingDetails(class_weights=None, can_be_resumed=True, step=7, data=data)


def test_json_is_plain_values(checkpoint):
    details = json.loads(json.dumps(inspect_model(checkpoint).to_json()))
    assert details["backbone"]["width"] == 1 / 16
    assert (details["channel_order"], details["mean"], details["input_size"]) == ("RGB", [0.5, 0.5, 0.5], 32)
    assert (details["answers_as_stated"], details["class_weights"]) == (True, 3)


def test_other_settings_than_the_weights_were_made_with_are_a_problem(checkpoint):
    tensors, metadata = load_file(checkpoint / MODEL), read_metadata(checkpoint / MODEL)
    save_file(tensors, checkpoint / MODEL, metadata=metadata | {"channel_order": "BGR"})
    details = inspect_model(checkpoint)
    assert details.matches_fingerprint is False
    assert "does not match its fingerprint" in details.problem


def test_without_a_fingerprint_nothing_is_checked(checkpoint):
    tensors, metadata = load_file(checkpoint / MODEL), read_metadata(checkpoint / MODEL)
    save_file(tensors, checkpoint / MODEL, metadata=metadata | {"fingerprint": ""})
    details = inspect_model(checkpoint)
    assert (details.matches_fingerprint, details.problem) == (None, None)


@pytest.mark.parametrize("tensors", [{}, {"other": torch.ones(1)}, {"weight": torch.tensor(1.0)}])
def test_class_weights_that_are_none_are_refused_by_file(checkpoint, tensors):
    save_file(tensors, checkpoint / CLASSIFIER)
    with pytest.raises(FembError, match=r"classifier\.safetensors"):
        inspect_model(checkpoint)


def test_a_damaged_summary_is_refused_by_file(tmp_path):
    save(tmp_path / "run/checkpoints/step-000007")
    (tmp_path / "run/summary.json").write_text("{")
    with pytest.raises(FembError, match=r"summary\.json is damaged"):
        inspect_model(tmp_path / "run")
