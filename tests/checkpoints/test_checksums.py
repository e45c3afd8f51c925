"""A checkpoint knows whether it is whole."""

import json
import re

import pytest
import torch

from femb_cli.backbones import build_configured_backbone
from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.checksums import CHECKSUMS, find_damage
from femb_cli.checkpoints.runs import MODEL
from femb_cli.checkpoints.store import open_checkpoint, save_checkpoint
from femb_cli.config.schema import IResNetConfig
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.errors import FembError

SMALL = IResNetConfig("iresnet18", embedding_dim=8, input_size=16, width=0.0625)


def save(path):
    torch.manual_seed(0)
    write_state = lambda state: (state / "progress.json").write_text('{"step": 3}')  # noqa: E731
    save_checkpoint(
        path,
        build_configured_backbone(SMALL),
        ModelCard(SMALL, Preprocessing(16)),
        classifier={"weight": torch.ones(3, 8)},
        config="seed: 1\n",
        write_state=write_state,
    )
    return path


def flip_a_bit(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def test_what_was_saved_is_whole(tmp_path):
    checkpoint = save(tmp_path / "saved")
    assert find_damage(checkpoint) is None
    names = {path.relative_to(checkpoint).as_posix() for path in checkpoint.rglob("*") if path.is_file()}
    assert set(json.loads((checkpoint / CHECKSUMS).read_text())["xxh3_128"]) == names - {CHECKSUMS}


@pytest.mark.parametrize("name", [MODEL, "classifier.safetensors", "config.yaml", "state/progress.json", CHECKSUMS])
def test_one_flipped_bit_in_any_file_is_noticed(tmp_path, name):
    checkpoint = save(tmp_path / "saved")
    flip_a_bit(checkpoint / name)
    damage = find_damage(checkpoint)
    assert damage is not None
    assert name in damage or name == CHECKSUMS


def test_a_file_that_is_gone_is_noticed(tmp_path):
    checkpoint = save(tmp_path / "saved")
    (checkpoint / "state/progress.json").unlink()
    assert find_damage(checkpoint) == "state/progress.json is missing"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"xxh3_128": 3}', '{"xxh3_128": {}}', "\0" * 9])
def test_damaged_checksums_are_damage(tmp_path, content):
    checkpoint = save(tmp_path / "saved")
    (checkpoint / CHECKSUMS).write_text(content)
    assert CHECKSUMS in find_damage(checkpoint, MODEL)


def test_a_network_with_a_flipped_bit_is_not_used_and_another_checkpoint_is_named(tmp_path):
    old, new = save(tmp_path / "run/checkpoints/step-1"), save(tmp_path / "run/checkpoints/step-2")
    flip_a_bit(new / MODEL)
    with pytest.raises(FembError, match=f"{re.escape(str(new))} is damaged: {MODEL}") as caught:
        open_checkpoint(tmp_path / "run").load_backbone()
    assert str(old) in caught.value.hint


def test_without_checksums_a_checkpoint_is_used_unchecked(tmp_path):
    checkpoint = save(tmp_path / "saved")
    (checkpoint / CHECKSUMS).unlink()
    assert find_damage(checkpoint) is None
    assert open_checkpoint(checkpoint).load_backbone().embedding_dim == 8


def test_a_read_error_is_no_damage(tmp_path, monkeypatch):
    checkpoint = save(tmp_path / "saved")

    def fail(file):
        raise OSError(24, "Too many open files", str(file))

    monkeypatch.setattr("femb_cli.checkpoints.checksums.file_xxh3", fail)
    with pytest.raises(FembError, match="cannot read .*: Too many open files"):
        find_damage(checkpoint)
