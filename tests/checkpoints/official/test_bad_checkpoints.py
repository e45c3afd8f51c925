"""Damaged, hostile and unusual files among the golden data."""

import json
import runpy
import sys
from multiprocessing import get_context

import numpy as np
import pytest
import torch

from femb_cli.checkpoints.official import convert_checkpoint
from femb_cli.errors import FembError
from femb_cli.inference import load_embedder


@pytest.fixture(scope="module")
def bad(shared, tmp_path_factory):
    """The folder of bad files, made by another process: making them registers classes that reading must not find."""
    folder = tmp_path_factory.mktemp("bad")
    process = get_context("fork").Process(target=make_bad_files, args=(shared, folder))
    process.start()
    process.join()
    assert process.exitcode == 0
    return folder


def make_bad_files(shared, folder):
    torch.set_num_threads(1)  # a fork has none of its parent's threads, and would wait for them
    maker = str(shared / "golden/checkpoints/bad/make_bad.py")
    sys.argv[:] = [maker, str(folder)]
    runpy.run_path(maker, run_name="__main__")


def names(bad, outcome):
    """The files of which `outcome` is asked."""
    entries = json.loads((bad / "expected.json").read_text())
    return [name for name, entry in entries.items() if entry["outcome"] == outcome]


def test_every_file_that_must_be_refused_is_refused_and_nothing_is_run_or_left(bad, tmp_path):
    refused = names(bad, "refuse")
    assert len(refused) >= 12
    for name in refused:
        with pytest.raises(FembError, match=name):
            convert_checkpoint(bad / name, tmp_path / "converted")
        assert list(tmp_path.iterdir()) == [], name
    assert not (bad / "code_was_executed").exists()


def test_unusual_files_are_loaded_or_refused_but_never_crash(bad, tmp_path):
    for name in names(bad, "load or refuse"):
        try:
            convert_checkpoint(bad / name, tmp_path / name)
        except FembError as error:
            assert name in error.message


@pytest.mark.parametrize(
    "name, complaint",
    [
        ("wrong_shape.pth", r"features\.layers\.2\.weight \(256, 512\) for \(512, 512\)"),
        ("missing_key.pth", r"features\.layers\.2\.weight"),
        ("extra_key.pth", r"layers\.9\.weight"),
        ("nan.pth", r"features\.layers\.2\.weight .*not finite"),
    ],
)
def test_the_tensor_that_does_not_fit_is_named(bad, tmp_path, name, complaint):
    with pytest.raises(FembError, match=complaint):
        convert_checkpoint(bad / name, tmp_path / "converted")


@pytest.mark.parametrize(
    "name, reason",
    [
        ("whole_module.pth", r"backbones\.iresnet\.IResNet"),
        ("zip_runs_code.pth", r"mkdir"),
        ("truncated.pth", "cut short"),
        ("empty.pth", "empty"),
        ("web_page.pth", "web page"),
    ],
)
def test_a_file_that_cannot_be_read_safely_is_told_why(bad, tmp_path, name, reason):
    with pytest.raises(FembError, match=reason):
        convert_checkpoint(bad / name, tmp_path / "converted")


@pytest.mark.parametrize(
    "name",
    ["legacy_format.pth", "views_and_shared.pth", "no_counters.pth", "lightning_class_key.ckpt", "numpy_scalar.pth"],
)
def test_unusual_but_valid_files_give_the_official_embeddings(shared, bad, tmp_path, name):
    golden = shared / "golden/checkpoints"
    convert_checkpoint(bad / name, tmp_path / "converted")
    embeddings = load_embedder(tmp_path / "converted", "cpu")(np.load(golden / "images.npz")["images"])
    np.testing.assert_allclose(embeddings, np.load(golden / "expected/at_mbf.npz")["expected_f32"], atol=5e-5, rtol=0)
