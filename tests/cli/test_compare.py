"""`femb compare`: what it says, and its exit codes."""

import json
import shutil

import pytest
from PIL import Image
from thresholds import threshold

from femb_cli.checkpoints.restate import restate
from femb_cli.checkpoints.store import open_checkpoint


@pytest.fixture
def samples(trained):
    """Two people of the drawn faces, two images of each."""
    return sorted((trained / "samples").iterdir())[:4]


@pytest.fixture
def model(trained, tmp_path):
    """A copy of the run whose model has thresholds that nothing and that everything reaches."""
    shutil.copytree(trained, tmp_path / "model", symlinks=True)
    checkpoint = open_checkpoint(tmp_path / "model")
    restate(checkpoint, checkpoint.card.with_thresholds(threshold(1e-2, -1.0), threshold(1e-4, 1.0)))
    return "model"


def test_the_threshold_of_the_highest_fmr_decides(femb, samples, model):
    result = femb("compare", *samples[:2], "-m", model)
    assert result.code == 0, result.err
    assert "; at threshold -1.000 (FMR 1e-2 on lfw): same person; " in result.out
    assert result.out.endswith("; none of 3,000 impostor pairs scores as high\n")
    assert result.err == ""


def test_another_fmr_or_a_cosine_decides_if_asked(femb, samples, model):
    by_fmr = femb("compare", *samples[:2], "-m", model, "--fmr", "1e-4")
    assert "at threshold 1.000 (FMR 1e-4 on lfw): different people; " in by_fmr.out
    assert "genuine pairs score as low" in by_fmr.out
    by_cosine = femb("compare", *samples[:2], "-m", model, "--threshold", "-0.5")
    assert "at threshold -0.500: same person" in by_cosine.out
    missing = femb("compare", *samples[:2], "-m", model, "--fmr", "1e-3")
    assert (missing.code, missing.out) == (1, "")
    assert "no threshold at FMR 1e-3 (stored: 1e-2, 1e-4)" in missing.err


def test_a_threshold_decides_only_with_the_mirror_images_it_was_measured_with(femb, samples, model):
    refused = femb("compare", *samples[:2], "-m", model, "--flip", "none")
    assert (refused.code, refused.out) == (2, "")
    assert "was measured with --flip sum, not --flip none\nhint: leave out --flip" in refused.err
    other = femb("compare", *samples[:2], "-m", model, "--flip", "none", "--threshold", "-0.5")
    assert "at threshold -0.500: same person\n" in other.out  # no word of the pairs behind the stored threshold


def test_a_model_without_thresholds_says_how_to_store_one(femb, samples, trained):
    result = femb("compare", *samples[:2], "-m", trained)
    assert result.code == 0
    assert result.out.startswith("cosine ") and result.out.count(";") == 0
    assert f"--model {trained} --store-threshold 1e-3 measures one" in result.err
    assert femb("compare", *samples[:2], "-m", trained, "--quiet").err == ""


def test_several_images_have_a_line_each(femb, samples, model):
    lines = femb("compare", *samples, "-m", model).out.splitlines()
    assert [line.split(": cosine ")[0] for line in lines] == [str(path) for path in samples[1:]]


def test_json_has_everything(femb, samples, model):
    document = json.loads(femb("compare", samples[0], samples[0], samples[2], "-m", model, "--json").out)
    same, other = document["comparisons"]
    assert same["cosine"] == pytest.approx(1.0) and other["cosine"] < 0.9999
    assert (document["threshold"], document["fmr"], document["measured_on"]) == (-1.0, 1e-2, "lfw")
    assert (document["flip"], document["num_impostor"], document["num_genuine"]) == ("sum", 3000, 3000)
    assert same["impostor_pairs_as_high"] == [0, 0] and same["same_person"] is True
    assert document["reference"]["aligned_by_femb"] is False


@pytest.mark.parametrize(("cosine", "code"), [("-1", 0), ("1", 1)])
def test_a_different_person_may_end_the_command_with_1(femb, samples, trained, cosine, code):
    arguments = ("compare", samples[0], samples[2], "-m", trained, "--threshold", cosine)
    assert femb(*arguments).code == 0
    assert femb(*arguments, "--fail-if-different").code == code


def test_the_gate_needs_a_threshold(femb, samples, trained):
    result = femb("compare", *samples[:2], "-m", trained, "--fail-if-different")
    assert (result.code, result.out) == (1, "")
    assert "--fail-if-different needs a threshold" in result.err


@pytest.mark.parametrize(
    "options",
    [
        ("--fmr", "1e-2", "--threshold", "0.3"),
        ("--threshold", "1.5"),
        ("--threshold", "nan"),
        ("--fmr", "nan"),
        ("--fmr", "2"),
    ],
)
def test_wrong_options_are_usage_errors(femb, samples, options):
    assert femb("compare", *samples[:2], "-m", "model", *options).code == 2


def test_a_folder_is_refused_with_the_command_that_takes_it(femb, samples):
    result = femb("compare", samples[0], samples[0].parent)
    assert result.code == 2
    assert f"hint: femb search {samples[0]} {samples[0].parent} searches folders\n" in result.err


def test_a_photo_without_a_face_is_an_error_that_names_it(femb, samples, model, tmp_path):
    Image.new("RGB", (120, 90), "grey").save(tmp_path / "wall.png")
    result = femb("compare", samples[0], "wall.png", "-m", model)
    assert (result.code, result.out) == (1, "")
    assert "error: no face found in wall.png" in result.err
    assert femb("compare", samples[0], "wall.png", "-m", model, "--align", "never").code == 0


def test_photographs_are_warned_of_once_and_samples_are_not(femb, samples, model, tmp_path):
    shutil.copy(samples[0], tmp_path / "face.jpg")
    result = femb("compare", samples[0], "face.jpg", "face.jpg", "-m", model, "--quiet")
    assert result.err.count("knows only drawn faces") == 1
    assert "femb list models" in result.err


def test_photos_are_aligned_and_the_chosen_face_is_said(femb, shared, trained, tmp_path):
    import zipfile

    with zipfile.ZipFile(shared / "data/lfw_raw_250_sample.zip") as photos:
        for name in ("Gene_Robinson_0002", "Gene_Robinson_0003"):
            (tmp_path / f"{name}.jpg").write_bytes(photos.read(f"lfw_raw_250/Gene_Robinson/{name}.jpg"))
    result = femb("compare", "Gene_Robinson_0002.jpg", "Gene_Robinson_0003.jpg", "-m", trained, "--faces", "center")
    assert result.code == 0, result.err
    assert "Gene_Robinson_0002.jpg is a photo: " in result.err
    assert "Gene_Robinson_0003.jpg is a photo: of its 2 faces the one nearest to the middle was aligned" in result.err
