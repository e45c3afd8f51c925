"""`femb embed`."""

import io
import json
import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import parquets
from PIL import Image

from femb_cli.evaluation.embeddings.formats import FORMATS
from femb_cli.inference import embed_to_file
from femb_cli.inference.unfinished_embeddings import UnfinishedEmbeddings
from femb_cli.runtime.signals import Interrupted


def test_an_interrupted_embedding_continues_where_it_stopped(femb, trained, tmp_path, monkeypatch):
    monkeypatch.setattr(embed_to_file, "CHUNK", 2)
    add = UnfinishedEmbeddings.add
    calls = []

    def interrupted(unfinished, chunk, *, num_done):
        add(unfinished, chunk, num_done=num_done)
        calls.append(num_done)
        if num_done == 4:
            raise Interrupted(signal.SIGINT)

    monkeypatch.setattr(UnfinishedEmbeddings, "add", interrupted)
    samples = trained / "samples"
    broken = femb("embed", samples, "-o", "e.npy", "--model", trained)
    assert broken.code == 130
    assert "--resume" in broken.err
    assert not Path("e.npy").exists()
    monkeypatch.setattr(UnfinishedEmbeddings, "add", add)
    resumed = femb("embed", samples, "-o", "e.npy", "--model", trained, "--resume")
    assert resumed.code == 0
    assert "going on after 4 of 6 images" in resumed.err
    assert femb("embed", samples, "-o", "whole.npy", "--model", trained).code == 0
    assert np.array_equal(np.load("e.npy"), np.load("whole.npy"))
    assert calls == [2, 4]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["e.npy", "e.txt", "whole.npy", "whole.txt"]


def test_bad_images_are_left_out_and_listed_when_asked(femb, trained, tmp_path):
    shutil.copytree(trained / "samples", "images")
    Path("images/broken.jpg").write_bytes(b"not a picture")
    refused = femb("embed", "images", "-o", "e.npy", "--model", trained)
    assert refused.code == 1
    assert "broken.jpg" in refused.err
    assert [path.name for path in tmp_path.iterdir()] == ["images"]
    skipped = json.loads(femb("embed", "images", "-o", "e.npy", "--model", trained, "--skip-bad", "--json").out)
    assert (skipped["num_images"], skipped["num_failed"]) == (6, 1)
    assert skipped["failed"][0][0] == "broken.jpg"
    assert len(np.load("e.npy")) == len(Path("e.txt").read_text().splitlines()) == 6


def test_images_listed_on_stdin_keep_their_order(femb, trained, monkeypatch):
    listed = sorted((trained / "samples").iterdir(), reverse=True)[:3]
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{path}\n" for path in listed)))
    assert femb("embed", "-", "-o", "e.npy", "--model", trained).code == 0
    assert [Path(name).name for name in Path("e.txt").read_text().splitlines()] == [path.name for path in listed]


def test_a_large_photo_is_embedded_at_the_network_s_size(femb, trained):
    Image.new("RGB", (250, 250), (120, 90, 80)).save("photo.png")
    result = femb("embed", "photo.png", "-o", "e.npy", "--model", trained, "--align", "never")
    assert result.code == 0
    assert "warning: 1 of 1 image is a photo, not an aligned face of 112 x 112 pixels" in result.err


def test_a_photo_without_a_face_gets_no_embedding(femb, trained):
    Image.new("RGB", (250, 250), (120, 90, 80)).save("wall.png")
    refused = femb("embed", "wall.png", "-o", "e.npy", "--model", trained)
    assert refused.code == 1
    assert "no face was found in 1 photo\n" in refused.err
    assert "--align never" in refused.err
    assert not Path("e.npy").exists()


def test_a_failing_process_is_one_clear_error(femb, trained):
    shutil.copytree(trained / "samples", "images")
    Path("images/broken.jpg").write_bytes(b"not a picture")
    failed = femb("embed", "images", "-o", "e.npy", "-m", trained, "--processes", "2")
    assert failed.code == 1
    assert "broken.jpg" in failed.err
    assert "Traceback" not in failed.err


def test_an_ending_that_names_no_format_is_wrong_usage(femb, trained, tmp_path):
    for name in ("e.txt", "e", "e.pt"):
        refused = femb("embed", trained / "samples", "-o", name, "--model", trained, "--dry-run")
        assert refused.code == 2
        assert ".npy, .npz, .parquet, .safetensors, .csv" in refused.err
    assert list(tmp_path.iterdir()) == []


def test_every_ending_is_written_and_read_by_the_commands_that_take_embeddings(femb, trained):
    samples = trained / "samples"
    names = sorted(path.name for path in samples.iterdir())
    pairs = [f"{names[one]},{names[other]},{one % 2}\n" for one, other in ((1, 0), (3, 2), (0, 2), (2, 4))]
    Path("pairs.csv").write_text("".join(["ref,probe,mated\n", *pairs]))
    shown = {}
    for ending in FORMATS:
        out = f"e{ending}"
        made = femb("embed", samples, "-o", out, "--model", trained, "--flip", "sum")
        assert made.code == 0, made.err
        assert ("cannot say which model" in made.err) == (ending == ".csv")
        verified = femb("verify", "--pairs", "pairs.csv", "--embeddings", out, "--json")
        assert verified.code == 0, verified.err
        assert femb("search", out, "e.npy").code == 0
        # The names state no people, so that an image has no mate but itself.
        assert "no probe has a mate in the gallery" in femb("identify", out, "e.npy").err
        document = json.loads(verified.out)
        assert (document.pop("embeddings"), document.pop("model"), document.pop("flip")) == (
            (out, out, "as stored") if ending == ".csv" else (out, str(trained), "sum")
        )
        shown[ending] = document
    assert all(document == shown[".npy"] for document in shown.values())


def test_a_bad_image_later_keeps_what_is_done(femb, trained, monkeypatch):
    monkeypatch.setattr(embed_to_file, "CHUNK", 2)
    shutil.copytree(trained / "samples", "images")
    (Path("images") / "z.jpg").write_bytes(b"not a picture")
    refused = femb("embed", "images", "-o", "e.npy", "--model", trained)
    assert refused.code == 1
    assert "--resume --skip-bad continues without it: e.npy.part keeps 6 of 7 images" in refused.err
    again = femb("embed", "images", "-o", "e.npy", "--model", trained)
    assert (again.code, "holds 6 of 7 embeddings of an interrupted call" in again.err) == (1, True)
    assert femb("embed", "images", "-o", "e.npy", "--model", trained, "--resume", "--skip-bad").code == 0
    assert len(np.load("e.npy")) == 6


def test_several_folders_and_files_are_embedded_and_other_files_named(femb, trained):
    samples = sorted((trained / "samples").iterdir())
    for place, sample in zip(("a/x.jpg", "b/x.jpg", "c"), samples, strict=False):
        Path(place).parent.mkdir(exist_ok=True)
        shutil.copy(sample, place)
    Path("b/film.mp4").write_bytes(b"")
    result = femb("embed", "b", "c", "a", "-o", "e.npy", "--model", trained, "--json")
    assert result.code == 0, result.err
    assert Path("e.txt").read_text().splitlines() == ["b/x.jpg", "c", "a/x.jpg"]
    assert "warning: 1 file not read: 1 .mp4" in result.err
    assert json.loads(result.out)["unread"] == {".mp4": 1}
    assert femb("embed", *samples[:3], "-o", "alone.npy", "--model", trained).code == 0
    assert np.allclose(np.load("e.npy"), np.load("alone.npy")[[1, 2, 0]], atol=1e-5)


def test_a_table_without_people_is_embedded(femb, trained):
    images = [{"bytes": file.read_bytes(), "path": None} for file in sorted((trained / "samples").iterdir())]
    parquets.write(Path("faces.parquet"), {"image": images, "age": list(range(len(images)))})
    assert femb("embed", "faces.parquet", "-o", "e.npy", "--model", trained).code == 0
    assert femb("embed", trained / "samples", "-o", "alone.npy", "--model", trained).code == 0
    assert np.allclose(np.load("e.npy"), np.load("alone.npy"), atol=1e-5)
    for refused in (femb("convert", "faces.parquet", "out"), femb("train", "--data", "faces.parquet", "--dry-run")):
        assert refused.code == 1
        assert "no column of identities; its columns are image" in refused.err
