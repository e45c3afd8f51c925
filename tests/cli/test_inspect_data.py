"""`femb inspect` of images, benchmarks and embeddings."""

import json
import pickle

import numpy as np
import pytest
from pictures import encode, people
from stored_embeddings import describe, save_npy

from femb_cli.data.conversion.benchmark import write_benchmark
from femb_cli.data.verification_bin.verification_set import read_verification_set
from femb_cli.evaluation.embeddings import safetensors


@pytest.fixture
def faces(tmp_path):
    folder = people(tmp_path / "faces", {"ann": 3, "bob": 1})
    (folder / "bob/copy.jpg").write_bytes((folder / "ann/0.jpg").read_bytes())
    return folder


def test_a_folder_is_shown_with_its_histogram(femb, faces):
    result = femb("inspect", "faces")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0] == "folder         faces"
    assert lines[1].startswith("images         5 images, ")
    assert lines[2:6] == [
        "people         2",
        "per person     2 to 3 images, median 2.5, mean 2.5",
        "                 2  1  ##############################",
        "               3-4  1  ##############################",
    ]
    assert max(map(len, lines)) <= 80


def test_a_converted_dataset_is_shown_as_its_source(femb, faces):
    femb("convert", "faces", "dataset")
    femb("convert", "faces", "parquet", "--format", "parquet")
    shown = [femb("inspect", name).out.splitlines()[1:] for name in ("faces", "dataset", "parquet")]
    assert shown[0] == shown[1] == shown[2]
    assert json.loads(femb("inspect", "parquet", "--json").out)["kind"] == "parquet"


def test_who_is_on_an_image_can_be_said_as_to_convert(femb, faces):
    rows = "".join(f"ann/{number}.jpg,{number},x,{number}\n" for number in range(3))
    (faces / "list.csv").write_text("path,identity,celeb_id,other\n" + rows)
    assert "people         1\n" in femb("inspect", "faces/list.csv", "--label", "celeb_id").out
    assert femb("inspect", "faces", "--person-folder", "1").out == femb("inspect", "faces").out
    refused = femb("inspect", "faces", "--label", "celeb_id")
    assert (refused.code, refused.out) == (1, "")
    assert "has no columns to choose from" in refused.err


def test_people_that_tell_nobody_from_anybody_are_warned_of(femb, tmp_path):
    people(tmp_path / "each", {f"p{number}": 1 for number in range(12)})
    assert "warning" in femb("inspect", "each").err


def test_a_dataset_on_the_hub_is_fetched_and_a_missing_file_is_none(femb, faces, monkeypatch):
    from femb_cli.data.huggingface import hub

    monkeypatch.setattr(hub, "download_dataset", lambda text, **options: faces if text == "owner/faces" else None)
    assert femb("inspect", "owner/faces").out.splitlines()[2] == "people         2"
    assert "faces/nobody does not exist" in femb("inspect", "faces/nobody").err


def test_a_page_and_a_table_of_doubles_are_written_once(femb, faces):
    result = femb("inspect", "faces", "-o", "page.html", "--doubles", "doubles.csv")
    assert result.err == "wrote doubles.csv\nwrote page.html\n"
    assert (faces.parent / "doubles.csv").read_text().splitlines() == [
        "set,kind,name,person",
        "1,several people,ann/0.jpg,ann",
        "1,several people,bob/copy.jpg,bob",
    ]
    assert "People and their images" in (faces.parent / "page.html").read_text()
    again = femb("inspect", "faces", "-o", "page.html")
    assert (again.code, again.out) == (1, "")
    assert "page.html exists already" in again.err
    assert femb("inspect", "faces", "-o", "page.html", "--overwrite", "--quiet").err == ""


def test_a_verification_set_and_its_benchmark_are_shown(femb, tmp_path):
    one, two, three = (encode(shade, (112, 112)) for shade in range(3))
    (tmp_path / "pairs.bin").write_bytes(pickle.dumps(([one, two, one, three], [True, False])))
    shown = json.loads(femb("inspect", "pairs.bin", "--json").out)
    assert (shown["kind"], shown["num_pairs"], shown["num_genuine"], shown["num_images"]) == ("bin", 2, 1, 4)
    write_benchmark(read_verification_set(tmp_path / "pairs.bin"), tmp_path / "pairs", source="pairs.bin")
    facts = json.loads(femb("inspect", "pairs", "--json", "-o", "pairs.png").out)
    assert (facts["num_pairs"], facts["num_folds"], facts["num_images"]) == (2, 2, 3)
    assert (tmp_path / "pairs.png").read_bytes().startswith(b"\x89PNG")


def test_embeddings_are_shown(femb, tmp_path):
    rows, names = np.array([[3.0, 4.0], [0.0, 2.0]]), ["a/1.jpg", "b/1.jpg"]
    save_npy(tmp_path / "faces.npy", rows, names, describe(rows, names))
    safetensors.write(tmp_path / "faces.safetensors", rows, names, describe(rows, names), {})
    shown = [femb("inspect", f"faces.{ending}").out.splitlines() for ending in ("npy", "safetensors")]
    assert shown[0][0] == "embeddings     faces.npy"
    assert shown[0][2] == shown[1][2] == "magnitude      2 to 5, mean 3.5"
    assert femb("inspect", "faces.npy", "-o", "faces.html").code == 0
    assert "Magnitudes of the embeddings" in (tmp_path / "faces.html").read_text()


@pytest.mark.parametrize(
    "arguments, code, words",
    [
        (["nowhere"], 1, "nowhere does not exist"),
        (["empty"], 1, "empty"),
        (["faces", "-o", "page.pdf"], 2, "its name must end in .html or .png"),
        (["faces", "--doubles", "list.txt"], 2, "its name must end in .csv"),
        (["faces.npy", "--verify"], 2, "--verify does not apply to embeddings"),
        (["faces.npy", "--label", "name"], 2, "--label does not apply to embeddings"),
        (["model.safetensors", "-o", "page.html"], 2, "--out does not apply to model.safetensors"),
        (["notes.txt"], 1, "notes.txt"),
    ],
)
def test_what_cannot_be_inspected_is_refused_in_words(femb, faces, tmp_path, arguments, code, words):
    (tmp_path / "empty").mkdir()
    np.save(tmp_path / "faces.npy", np.eye(2))
    (tmp_path / "model.safetensors").write_bytes(b"-")
    (tmp_path / "notes.txt").write_text("some notes\n")
    result = femb("inspect", *arguments)
    assert (result.code, result.out) == (code, "")
    assert words in result.err
