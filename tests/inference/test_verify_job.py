"""The request of `femb verify` for images."""

import shutil
from contextlib import nullcontext
from dataclasses import replace

import pytest

from femb_cli.checkpoints.store import open_checkpoint, save_checkpoint
from femb_cli.errors import FembError
from femb_cli.evaluation.verification.overlap import name_digests
from femb_cli.inference.align import Alignment
from femb_cli.inference.embedder import Embedder
from femb_cli.inference.verify_job import VerifyJob, cache_embeddings
from femb_cli.progress import silent


@pytest.fixture
def job(trained, tmp_path, monkeypatch) -> VerifyJob:
    """Pairs of the images that a run left as samples."""
    monkeypatch.setenv("FEMB_CACHE_DIR", str(tmp_path / "cache"))
    names = sorted(path.name for path in (trained / "samples").iterdir())
    pairs = tmp_path / "pairs.csv"
    lines = [f"{names[0]},{names[1]},1", f"{names[2]},{names[3]},1", f"{names[0]},{names[2]},0"]
    pairs.write_text("\n".join(["ref,probe,mated", *lines, f"{names[1]},{names[3]},0"]) + "\n")
    return VerifyJob(
        datasets=(),
        pairs=(pairs,),
        images=trained / "samples",
        data_dir=None,
        models=(trained, trained),
        runs=tmp_path / "runs",
        protocol=None,
        alignment=Alignment(),
        flip=None,
        batch_size=8,
        exact=False,
        use_cache=True,
        device="cpu",
    )


def test_every_model_is_verified_on_every_pair_set(job, trained):
    labels = []

    def show(label):
        labels.append(label)
        return nullcontext()

    results = job.run(job.open_pair_sets(silent), show)
    assert [result.benchmark for result in results] == ["pairs.csv"] * 2
    assert labels == ["finding faces of pairs.csv", f"embedding pairs.csv with {trained}"] * 2
    assert results[0].metrics == results[1].metrics
    assert (results[0].metrics.protocol, results[0].metrics.num_pairs) == ("arcface", 4)


def test_cached_embeddings_are_not_computed_again(job, tmp_path, monkeypatch):
    cache_embeddings(job)
    assert len(list((tmp_path / "cache" / "embeddings").iterdir())) == 1

    def fail(*_, **__):
        raise AssertionError("an image was embedded")

    monkeypatch.setattr(Embedder, "__call__", fail)
    assert len(job.run(job.open_pair_sets(silent), lambda label: nullcontext())) == 2


def test_without_a_model_there_must_be_a_finished_run(job):
    with pytest.raises(FembError, match="no finished run"):
        replace(job, models=()).run([], lambda label: nullcontext())


def test_an_unreadable_image_gets_a_hint_that_the_command_has(job, tmp_path, trained):
    shutil.copytree(trained / "samples", tmp_path / "images")
    next(iter(sorted((tmp_path / "images").iterdir()))).write_bytes(b"not a picture")
    damaged = replace(job, images=tmp_path / "images", use_cache=False)
    with pytest.raises(FembError) as refused:
        damaged.run(damaged.open_pair_sets(silent), lambda label: nullcontext())
    assert refused.value.hint == "repair the image, or remove its pairs from the list"


def test_labels_are_the_names_of_the_models(job):
    named = replace(job, labels=("small", ""))
    results = named.run(named.open_pair_sets(silent), lambda label: nullcontext())
    assert [result.model for result in results] == ["small", str(job.models[1])]


def test_a_model_that_was_trained_on_people_of_the_list_gets_a_warning(job, trained, tmp_path):
    model = tmp_path / "model"
    newest = open_checkpoint(trained)
    save_checkpoint(model, newest.load_backbone(), newest.card, people_U=name_digests(["Ann Lee", "Bob"]))
    names = sorted(path.name for path in job.images.iterdir())
    lines = [f"{names[0]},{names[1]},Ann_Lee,Ann_Lee", f"{names[0]},{names[2]},Ann_Lee,Eve"]
    job.pairs[0].write_text("\n".join(["ref,probe,ref_subject,probe_subject", *lines]) + "\n")
    trained_on, unknown = replace(job, models=(model, trained), labels=("m", "")).score(
        job.open_pair_sets(silent), lambda label: nullcontext()
    )
    sentence = (
        "1 of 2 people of pairs.csv are among those that m was trained on, by their names, for example Ann_Lee: its"
        " figures will be too good"
    )
    assert sentence in trained_on.warnings
    assert not any("trained on" in warning for warning in unknown.warnings)


def test_what_was_said_of_the_images_is_in_the_result_with_the_model(job, trained, tmp_path):
    photos = shutil.copytree(trained / "samples", tmp_path / "photos")
    lines: list[str] = []
    other = replace(job, images=photos, labels=("one", "two"))
    results = other.score(other.open_pair_sets(silent), lambda label: nullcontext(), lines.append)
    for result, name in zip(results, ("one", "two"), strict=True):
        (sentence,) = result.said
        assert sentence.startswith(f"pairs.csv, {name}: this network knows only drawn faces")
        assert f"warning: {sentence}" in lines
