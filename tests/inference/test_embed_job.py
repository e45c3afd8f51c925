"""The request of `femb embed`: which images it means, and what it warns about."""

from dataclasses import replace
from pathlib import Path

import pytest
from pictures import encode

from femb_cli.data.open import open_sources
from femb_cli.errors import FembError
from femb_cli.inference import embed_to_file
from femb_cli.inference.align import Alignment
from femb_cli.inference.embed_job import EmbedJob, run_embedding


@pytest.fixture
def images(tmp_path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for number, size in enumerate([(112, 112), (250, 200)]):
        (folder / f"{number}.png").write_bytes(encode(number, size, "PNG"))
    return folder


def job(
    folder: Path, *images: Path, model: Path | None = None, overwrite: bool = False, align: str = "never"
) -> EmbedJob:
    return EmbedJob(
        images=images,
        out=folder / "e.npy",
        model=model,
        runs=folder / "runs",
        alignment=Alignment(align),
        flip=False,
        batch_size=8,
        exact=False,
        skip_bad=False,
        resume=False,
        device="cpu",
        overwrite=overwrite,
    )


def test_a_folder_is_a_source_of_its_images(images):
    assert list(open_sources([images]).names) == ["0.png", "1.png"]


def test_image_files_are_taken_in_their_order(images):
    source = open_sources([images / "1.png", images / "0.png"])
    assert [Path(name).name for name in source.names] == ["1.png", "0.png"]


def test_a_single_image_is_a_list_of_one(images):
    assert len(open_sources([images / "1.png"])) == 1


def test_an_aligned_face_needs_no_word(images, tmp_path, trained):
    survey = job(tmp_path, images / "0.png", model=trained, align="auto").check()
    assert (survey.note, survey.warning) == ("", "")


def test_photos_are_counted_and_what_happens_to_them_is_said(images, tmp_path, trained):
    found = "1 of 2 images is a photo, not an aligned face of 112 x 112 pixels"
    assert job(tmp_path, images, model=trained, align="auto").check().note.startswith(f"{found}: finding faces with")
    assert (
        job(tmp_path, images, model=trained, align="never").check().warning.startswith(f"{found}: --align never only")
    )
    assert (
        job(tmp_path, images, model=trained, align="always").check().note == "finding faces with mtcnn in all 2 images"
    )


def test_a_job_is_refused_before_it_starts_if_its_names_file_exists(images, tmp_path, trained):
    (tmp_path / "e.txt").write_text("notes")
    with pytest.raises(FembError, match=r"e\.txt exists already"):
        job(tmp_path, images, model=trained).check()
    with pytest.raises(FembError, match=r"e\.txt exists, and there is no .*e\.npy whose"):
        job(tmp_path, images, model=trained, overwrite=True).check()


def test_a_plan_names_the_model_and_both_files(images, tmp_path, trained):
    planned = job(tmp_path, images, model=trained)
    assert planned.describe(planned.check()) == {
        "num_images": 2,
        "num_photos": 1,
        "embedding_dim": 128,
        "model": str(trained),
        "path": str(tmp_path / "e.npy"),
        "names_path": str(tmp_path / "e.txt"),
    }


def test_a_plan_is_refused_like_the_job(images, tmp_path, trained):
    (tmp_path / "e.npy").write_bytes(b"mine")
    with pytest.raises(FembError, match=r"e\.npy exists already"):
        planned = job(tmp_path, images, model=trained)
        planned.describe(planned.check())


def test_a_resumed_job_counts_only_what_it_embeds(images, tmp_path, trained, monkeypatch):
    monkeypatch.setattr(embed_to_file, "CHUNK", 1)
    whole = (images / "1.png").read_bytes()
    (images / "1.png").write_bytes(b"not a picture")
    begun = job(tmp_path, images, model=trained)
    with pytest.raises(FembError, match=r"1\.png"):
        run_embedding(begun, begun.check())
    (images / "1.png").write_bytes(whole)
    resumed = replace(begun, resume=True)
    assert resumed.describe(resumed.check())["unfinished"] == "1 of 2 images"
    clock = iter([0.0, 1.0])
    monkeypatch.setattr("femb_cli.inference.embed_job.time.perf_counter", lambda: next(clock))
    assert run_embedding(resumed, resumed.check())["images_per_second"] == 1.0
