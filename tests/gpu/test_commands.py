"""The commands on one GPU, and on all that the machine has."""

import json

import numpy as np
import pytest
import torch
from chosen_device import DEVICE, needs_a_gpu
from tiny import TINY

from femb_cli.data.synthetic.faces import photograph

pytestmark = pytest.mark.gpu

GPUS = min(torch.cuda.device_count(), 8)
BATCH = ("--batch-size", "16" if GPUS < 2 else str(8 * GPUS), "--set", "sync_batch_norm=true")
needs_several = pytest.mark.skipif(GPUS < 2 or DEVICE == "cpu", reason="needs several GPUs")


def train(femb, run, *arguments):
    """Train and return the summary."""
    done = femb("train", *TINY, *BATCH, *arguments, "--out", run, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


@needs_a_gpu
def test_a_training_on_one_gpu_says_so(femb, tmp_path):
    summary = train(femb, tmp_path / "run", "--gpus", 1)
    assert summary["processes"] == 1
    assert json.loads((tmp_path / "run/run.json").read_text())["device"] == "cuda"
    assert np.isfinite(summary["loss"])


@needs_a_gpu
def test_more_gpus_than_there_are_are_refused(femb):
    done = femb("train", *TINY, "--gpus", torch.cuda.device_count() + 1)
    assert done.code == 2
    assert f"this machine has {torch.cuda.device_count()}" in done.err


@needs_several
def test_a_training_on_all_gpus_has_the_losses_of_one(femb, tmp_path):
    one, all_of_them = (train(femb, tmp_path / f"on {gpus}", "--gpus", gpus) for gpus in (1, GPUS))
    assert all_of_them["processes"] == GPUS
    assert all_of_them["loss"] == pytest.approx(one["loss"], rel=1e-2)


@needs_several
def test_all_gpus_embed_what_one_embeds(femb, trained):
    for gpus in (1, GPUS):
        done = femb("embed", trained / "samples", "--model", trained, "-o", f"{gpus}.npy", "--gpus", gpus)
        assert done.code == 0, done.err
    expected, found = (np.load(f"{gpus}.npy") for gpus in (1, GPUS))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_a_command_names_its_device(femb, tmp_path):
    summary = train(femb, tmp_path / "run", "--device", DEVICE)
    assert np.isfinite(summary["loss"])
    assert json.loads((tmp_path / "run/run.json").read_text())["device"] == DEVICE
    embedded = femb("embed", tmp_path / "run/samples", "--model", tmp_path / "run", "-o", "x.npy", "--device", DEVICE)
    assert embedded.code == 0, embedded.err
    verified = femb("verify", "--dataset", "synthetic", "--model", tmp_path / "run", "--device", DEVICE)
    assert verified.code == 0, verified.err


def test_the_environment_lists_the_gpus(femb):
    shown = json.loads(femb("env", "--json").out)
    assert (shown["gpus"] != "none") == (torch.cuda.device_count() > 0)


def test_faces_are_searched_on_the_named_device(femb, tmp_path):
    (tmp_path / "photos").mkdir()
    for person in range(3):
        (tmp_path / f"photos/{person}.jpg").write_bytes(photograph(0, person, 0).jpeg)
    for device in ("cpu", DEVICE):
        done = femb("align", tmp_path / "photos", tmp_path / device, "--always", "--device", device, "--overwrite")
        assert done.code == 0, done.err
        assert len(list((tmp_path / device).iterdir())) == 3
