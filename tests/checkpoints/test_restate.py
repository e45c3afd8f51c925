"""A checkpoint gets another card, and nothing else changes."""

import json
from dataclasses import replace

import pytest
import torch
from thresholds import threshold

from femb_cli.backbones import build_configured_backbone
from femb_cli.checkpoints import restate as module
from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.checksums import CHECKSUMS, find_damage
from femb_cli.checkpoints.restate import restate
from femb_cli.checkpoints.runs import CLASSIFIER, CONFIG, MODEL, STATE
from femb_cli.checkpoints.store import open_checkpoint, save_checkpoint
from femb_cli.config.schema import IResNetConfig
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.errors import FembError
from femb_cli.inference import load_embedder
from femb_cli.inference.model_digest import model_digest

SMALL = IResNetConfig("iresnet18", embedding_dim=8, input_size=16, width=0.0625)
CARD = ModelCard(SMALL, Preprocessing(16), source={"file": "gesichter äöü.pth"})


@pytest.fixture
def checkpoint(tmp_path):
    torch.manual_seed(0)
    save_checkpoint(
        tmp_path / "run/checkpoints/step-000004",
        build_configured_backbone(SMALL),
        CARD,
        classifier={"weight": torch.ones(3, 8)},
        config="steps: 4\n",
        write_state=lambda folder: (folder / "progress.json").write_text("{}"),
    )
    return open_checkpoint(tmp_path / "run")


def tensors_of(file):
    """The bytes behind a safetensors file's header."""
    content = file.read_bytes()
    return content[8 + int.from_bytes(content[:8], "little") :]


def everything_in(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_weights_stay_bit_for_bit_and_all_other_files_too(checkpoint):
    before, weights = everything_in(checkpoint.path), tensors_of(checkpoint.model_file)
    restate(checkpoint, checkpoint.card.with_thresholds(threshold()))
    after = everything_in(checkpoint.path)
    assert tensors_of(checkpoint.model_file) == weights
    assert open_checkpoint(checkpoint.path).card == checkpoint.card.with_thresholds(threshold())
    assert {name for name in before if before[name] != after[name]} == {MODEL, CHECKSUMS}
    assert after.keys() == before.keys() == {MODEL, CLASSIFIER, CONFIG, CHECKSUMS, f"{STATE}/progress.json"}


def test_the_checksums_are_those_of_the_new_file_and_the_fingerprint_fits(checkpoint):
    sums = json.loads((checkpoint.path / CHECKSUMS).read_text())["xxh3_128"]
    restate(checkpoint, checkpoint.card.with_thresholds(threshold()))
    assert find_damage(checkpoint.path) is None
    again = json.loads((checkpoint.path / CHECKSUMS).read_text())["xxh3_128"]
    assert {name for name in sums if sums[name] != again[name]} == {MODEL}
    open_checkpoint(checkpoint.path).load_backbone()


def test_the_digest_by_which_embeddings_are_kept_stays(checkpoint):
    before = model_digest(load_embedder(checkpoint.path, "cpu"))
    restate(checkpoint, checkpoint.card.with_thresholds(threshold()))
    assert model_digest(load_embedder(checkpoint.path, "cpu")) == before


def test_the_same_card_gives_the_same_bytes(checkpoint):
    before = everything_in(checkpoint.path)
    restate(checkpoint, checkpoint.card.with_thresholds(threshold()))
    restate(checkpoint, replace(checkpoint.card, thresholds=()))
    assert everything_in(checkpoint.path) == before


def test_a_single_file_is_restated_too(checkpoint, tmp_path):
    file = tmp_path / "moved.safetensors"
    checkpoint.model_file.rename(file)
    single = open_checkpoint(file)
    restate(single, single.card.with_thresholds(threshold()))
    assert open_checkpoint(file).card.thresholds == (threshold(),)
    open_checkpoint(file).load_backbone()


def test_a_checkpoint_without_checksums_gets_none(checkpoint):
    (checkpoint.path / CHECKSUMS).unlink()
    restate(checkpoint, checkpoint.card.with_thresholds(threshold()))
    assert not (checkpoint.path / CHECKSUMS).exists()


def test_a_link_goes_on_leading_to_the_checkpoint(checkpoint, tmp_path):
    link = tmp_path / "run/best"
    link.symlink_to("checkpoints/step-000004")
    restate(open_checkpoint(link), checkpoint.card.with_thresholds(threshold()))
    assert link.is_symlink()
    assert open_checkpoint(tmp_path / "run").card.thresholds == (threshold(),)


def test_a_damaged_file_is_not_restated(checkpoint):
    content = bytearray(checkpoint.model_file.read_bytes())
    content[-1] ^= 1
    checkpoint.model_file.write_bytes(content)
    with pytest.raises(FembError, match="is damaged"):
        restate(checkpoint, checkpoint.card.with_thresholds(threshold()))
    assert checkpoint.model_file.read_bytes() == content


def test_a_failure_leaves_the_old_checkpoint(checkpoint, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    before = everything_in(checkpoint.path)
    monkeypatch.setattr(module, "_copy_with_metadata", full)
    with pytest.raises(FembError, match="No space left"):
        restate(checkpoint, checkpoint.card.with_thresholds(threshold()))
    assert everything_in(checkpoint.path) == before
    assert [path.name for path in checkpoint.path.parent.iterdir()] == ["step-000004"]
