"""Loose crops of a template benchmark, embedded by a model."""

import json
import zipfile
from contextlib import nullcontext

import numpy as np
import pytest
from PIL import Image

from femb_cli.errors import FembError
from femb_cli.faces.align import template
from femb_cli.inference import template_job
from femb_cli.inference.embedder import Embedder, load_embedder
from femb_cli.inference.template_job import TemplateJob

LFW_LANDMARKS = "105 112 145 112 125 135 109 158 141 158"
"""Where the landmarks of LFW's deep-funneled photos are, to a few pixels."""


def write_benchmark(folder, images, landmarks):
    """Write lists and loose crops: the images of a person make two templates."""
    (folder / "loose_crop").mkdir(parents=True)
    (folder / "meta").mkdir()
    media, points, templates, number = [], [], [], 0
    for person, of_person in enumerate(images):
        for half in (0, 1):
            for image in of_person[half::2]:
                number += 1
                (folder / "loose_crop" / f"{number}.jpg").write_bytes(image)
                media.append(f"{number}.jpg {2 * person + half} {number}\n")
                points.append(f"{number}.jpg {landmarks} 0.99\n")
        templates.append((2 * person, 2 * person + 1))
    pairs = [f"{one[0]} {other[1]} {int(one is other)}\n" for one in templates for other in templates]
    for name, lines in (("face_tid_mid", media), ("name_5pts_score", points), ("template_pair_label", pairs)):
        (folder / "meta" / f"ijbc_{name}.txt").write_text("".join(lines))
    for gallery, some in (("G1", templates[::2]), ("G2", templates[1::2])):
        lines = [f"{one},{one // 2}\n" for one, _ in some]
        (folder / "meta" / f"ijbc_1N_gallery_{gallery}.csv").write_text("TEMPLATE_ID,SUBJECT_ID\n" + "".join(lines))
    lines = [f"{other},{other // 2}\n" for _, other in templates]
    (folder / "meta/ijbc_1N_probe_mixed.csv").write_text("TEMPLATE_ID,SUBJECT_ID\n" + "".join(lines))
    return folder


@pytest.fixture
def benchmark(tmp_path):
    """Four people of two images of noise; the landmarks move the images by three pixels."""
    generator = np.random.default_rng(0)
    images = []
    for _ in range(4):
        of_person = []
        for _ in range(2):
            file = tmp_path / "image.png"
            Image.fromarray(generator.integers(0, 256, (120, 120, 3)).astype(np.uint8)).save(file)
            of_person.append(file.read_bytes())
        images.append(of_person)
    landmarks = " ".join(f"{value:.4f}" for value in (template() + 3).ravel())
    return write_benchmark(tmp_path / "IJBC", images, landmarks)


@pytest.fixture
def job(benchmark, trained, tmp_path, monkeypatch):
    monkeypatch.setenv("FEMB_CACHE_DIR", str(tmp_path / "cache"))
    return TemplateJob(benchmark, None, trained, "none", 8, exact=True, use_cache=True, device="cpu")


def test_images_are_embedded_as_their_landmarks_align_them(job, benchmark, trained):
    path, flip = job.embed()
    assert flip == "none"
    crops = [np.array(Image.open(benchmark / f"loose_crop/{n}.jpg"))[3:115, 3:115] for n in range(1, 9)]
    expected = load_embedder(trained, "cpu", exact=True)(np.stack(crops))
    names = path.with_suffix(".txt").read_text().split()
    order = [int(name.partition(".")[0]) - 1 for name in names]
    np.testing.assert_allclose(np.load(path), expected[order], atol=1e-3)


def test_a_finished_file_is_used_again_and_an_interrupted_one_continued(job, benchmark, monkeypatch):
    monkeypatch.setattr("femb_cli.inference.embed_to_file.CHUNK", 3)
    done = []

    def interrupt(count, total):
        done.append(count)
        if count >= 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job.embed(lambda label: nullcontext(interrupt))
    calls = []
    embed = Embedder.__call__
    monkeypatch.setattr(Embedder, "__call__", lambda self, *a, **k: calls.append(len(a[0])) or embed(self, *a, **k))
    path, _ = job.embed()
    assert 0 < sum(calls) < 8
    calls.clear()
    assert job.embed() == (path, "none")
    assert calls == []
    Image.open(benchmark / "loose_crop/1.jpg").rotate(90).save(benchmark / "loose_crop/1.jpg")
    assert job.embed()[0] != path


def test_the_least_recently_used_files_are_removed(job, monkeypatch):
    path, _ = job.embed()
    monkeypatch.setattr(template_job, "MAX_BYTES", 1)
    other, _ = TemplateJob(**{**vars(job), "flip": "sum"}).embed()
    assert [file.name for file in path.parent.glob("*.npy")] == [other.name]


def test_a_missing_image_is_named(job, benchmark):
    (benchmark / "loose_crop/5.jpg").unlink()
    with pytest.raises(FembError, match=r"no image of '5.jpg' \(1 of 8 images are missing\)"):
        job.embed()


def test_the_command_shows_pairs_and_search_and_names_the_mode(femb, benchmark, trained):
    result = femb("verify", "--templates", benchmark, "--model", trained, "--flip", "none", "--json")
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert (document["mode"], document["model"], document["num_images"]) == ("N1D1F0", str(trained), 8)
    assert [each["gallery"][-6:] for each in document["identification"]] == ["G1.csv", "G2.csv", "mean"]
    table = femb("verify", "--templates", benchmark, "--model", trained, "--ijb-mode", "N0D0F1").out
    assert table.startswith("IJBC, N0D0F1")
    assert "TPIR@FPIR 1e-1" in table
    refused = femb("verify", "--templates", benchmark, "--model", trained, "--flip", "none", "--ijb-mode", "N1D1F1")
    assert refused.code == 2


@pytest.mark.slow
def test_loose_crops_of_real_faces_are_told_apart(femb, shared, tmp_path):
    with zipfile.ZipFile(shared / "data/lfw_raw_250_sample.zip") as photos:
        people = {}
        for name in sorted(name for name in photos.namelist() if name.endswith(".jpg")):
            people.setdefault(name.split("/")[1], []).append(name)
        chosen = [names[:4] for names in people.values() if len(names) >= 4][:8]
        images = [[photos.read(name) for name in names] for names in chosen]
    folder = write_benchmark(tmp_path / "IJBC", images, LFW_LANDMARKS)
    assert femb("convert-checkpoint", shared / "data/weights/mobilefacenet_foamliu.pt", "model", "--quiet").code == 0
    document = json.loads(femb("verify", "--templates", folder, "--model", "model", "--json").out)
    assert document["tar_at_far"]["1e-1"] == 1.0
    assert document["identification"][-1]["rank_rate"]["1"] == 1.0
