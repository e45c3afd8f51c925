"""`femb group`: the faces of one person together."""

import csv
import json
from pathlib import Path

import pytest
from pictures import people, tree
from stored_embeddings import describe, save_npy
from thresholds import threshold

from femb_cli.cli.faces_input import warn_of_other_flip
from femb_cli.cli.output import Output
from femb_cli.data.synthetic.training_data import DRAWN_FACES
from femb_cli.evaluation.embeddings.read import read_embeddings

NAMES = ["anna/0.jpg", "anna/1.jpg", "bert/0.jpg", "bert/1.jpg", "carl/0.jpg"]
ROWS = [(1, 0, 0), (1, 0.3, 0), (0, 1, 0.3), (0, 1, 0), (0, 0, 1)]


@pytest.fixture
def faces(tmp_path):
    save_npy(tmp_path / "faces.npy", ROWS, NAMES)
    people(tmp_path / "photos", {"anna": 2, "bert": 2, "carl": 1})
    return "faces.npy"


def test_groups_are_printed_the_largest_first(femb, faces):
    result = femb("group", faces, "--threshold", 0.5)
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0].split() == ["group", "images", "first", "names"]
    assert lines[1].split() == ["1", "2", "anna/0.jpg,", "anna/1.jpg"]
    assert "5 images: 2 groups and 1 single image" in result.out


def test_a_threshold_that_was_not_given_is_called_a_guess(femb, faces):
    result = femb("group", faces)
    assert "the threshold 0.45 is a guess" in result.err and "--threshold" in result.err


def test_the_table_has_every_image_once(femb, faces):
    assert femb("group", faces, "--threshold", 0.5, "-o", "groups.csv").code == 0
    with Path("groups.csv").open(newline="") as file:
        rows = [*csv.reader(file)]
    assert rows[0] == ["name", "group"]
    assert rows[1:] == [[name, group] for name, group in zip(NAMES, "11223", strict=True)]


def test_the_json_says_how_the_groups_were_made(femb, faces):
    found = json.loads(femb("group", faces, "--threshold", 0.5, "--method", "components", "--json").out)
    assert (found["method"], found["threshold"], found["num_groups"], found["num_singles"]) == ("components", 0.5, 2, 1)
    assert found["groups"][2] == {"group": 3, "images": ["carl/0.jpg"]}
    assert found["agreement"] is None and found["same_file"] is None


def test_known_people_are_compared_only_when_asked(femb, faces):
    result = femb("group", faces, "--threshold", 0.96, "--check")
    assert "pairwise_precision   100.00 %" in result.out
    assert "pairwise_recall      0.00 %" in result.out
    assert "pairwise" not in femb("group", faces, "--threshold", 0.96).out


def test_names_without_folders_cannot_be_compared(femb, tmp_path):
    save_npy(tmp_path / "flat.npy", ROWS[:2], ["1.jpg", "2.jpg"])
    assert "state no people" in femb("group", "flat.npy", "--check").err


def test_equal_files_and_near_copies_are_listed(femb, tmp_path):
    rows = [(1, 0), (1, 0), (0, 1), (0.01, 1)]
    names = ["anna/0.jpg", "anna/1.jpg", "bert/0.jpg", "bert/1.jpg"]
    save_npy(tmp_path / "faces.npy", rows, names)
    folder = people(tmp_path / "photos", {"anna": 2, "bert": 2})
    (folder / "anna/1.jpg").write_bytes((folder / "anna/0.jpg").read_bytes())
    result = femb("group", "faces.npy", "--threshold", 0.5, "--images", "photos")
    assert result.out.endswith(
        "the same file:\n  anna/0.jpg = anna/1.jpg\n\nthe same picture, or nearly:\n  bert/0.jpg = bert/1.jpg\n"
    )
    found = json.loads(femb("group", "faces.npy", "--threshold", 0.5, "--images", "photos", "--json").out)
    assert found["same_file"] == [names[:2]]
    assert found["same_picture"] == [names[:2], names[2:]]


def test_images_are_embedded_shown_and_linked(femb, trained):
    samples = trained / "samples"
    result = femb("group", samples, "--model", trained, "--show", "page.html", "--link", "people", "--json")
    assert result.code == 0, result.err
    assert "linked 6 images in people" in result.err
    assert Path("page.html").read_text().count("data:image/jpeg") == 6
    assert sum(path.is_symlink() for path in Path("people").rglob("*")) == 6


def test_links_to_photos_of_several_faces_are_said_to_name_nobody(femb, faces, tmp_path):
    for name, said in (("anna/1.jpg#2", True), ("bert/0.jpg#1", False)):
        save_npy(tmp_path / "e.npy", ROWS[:3], ["anna/0.jpg#1", "anna/1.jpg#1", name])
        result = femb("group", "e.npy", "--images", "photos", "--link", f"people-{said}")
        assert result.code == 0, result.err
        assert ("2 of the links lead to photos of several faces, and femb embed people-True" in result.err) == said


def test_images_are_moved_only_when_asked_and_never_over_others(femb, faces, tmp_path):
    before = tree(tmp_path / "photos")
    Path("people").mkdir()
    refused = femb("group", faces, "--threshold", 0.5, "--images", "photos", "--move", "people")
    assert (refused.code, tree(tmp_path / "photos")) == (1, before)
    done = femb("group", faces, "--threshold", 0.5, "--images", "photos", "--move", "sorted")
    assert done.code == 0, done.err
    assert "moved 5 images to sorted; sorted/moved.csv says where each one was" in done.err
    assert tree(tmp_path / "photos") == {}
    assert set(tree(tmp_path / "sorted")) == {
        *(f"group-0001/anna/{number}.jpg" for number in (0, 1)),
        *(f"group-0002/bert/{number}.jpg" for number in (0, 1)),
        *("singles/carl/0.jpg", "moved.csv"),
    }


def test_images_in_an_archive_are_not_moved(femb, faces, tmp_path):
    import zipfile

    with zipfile.ZipFile("photos.zip", "w") as archive:
        for name in NAMES:
            archive.write(tmp_path / "photos" / name, name)
    result = femb("group", faces, "--threshold", 0.5, "--images", "photos.zip", "--move", "sorted")
    assert result.code == 1
    assert "photos.zip is no folder of images" in result.err
    assert not Path("sorted").exists()


def test_link_and_move_exclude_each_other(femb, faces):
    result = femb("group", faces, "--images", "photos", "--link", "a", "--move", "b")
    assert result.code == 2


def test_links_of_stored_embeddings_need_their_images(femb, faces):
    result = femb("group", faces, "--link", "people")
    assert result.code == 2
    assert "--images" in result.err


def test_an_embedding_that_is_zero_is_named(femb, tmp_path):
    save_npy(tmp_path / "faces.npy", [(1, 0), (0, 0)], ["a.jpg", "b.jpg"])
    assert "faces.npy: the embedding of 'b.jpg', row 1 (counted from 0), is zero" in femb("group", "faces.npy").err


def test_embeddings_of_a_network_of_drawn_faces_are_said_to_be_worth_nothing_on_photographs(femb, tmp_path):
    for data, number in ((DRAWN_FACES, 1), ("MS1MV2", 0), ("", 0)):
        save_npy(tmp_path / "faces.npy", ROWS, NAMES, describe(ROWS, NAMES, training_data=data))
        said = femb("group", "faces.npy", "--threshold", 0.5).err
        assert said.count("this network knows only drawn faces; see femb list models") == number
        facts = femb("inspect", "faces.npy").out
        assert ("trained on" in facts) == bool(data) and data in facts


@pytest.mark.parametrize(
    ("measured", "embedded", "said"),
    [
        ("sum", "none", "measured with mirror images added, these embeddings are without: embedded with --flip sum"),
        ("none", "sum", "measured without mirror images, these embeddings are with them: embedded with --flip none"),
        ("sum", "sum", ""),
    ],
)
def test_a_threshold_of_other_mirror_images_is_warned_of(tmp_path, capsys, measured, embedded, said):
    save_npy(tmp_path / "faces.npy", ROWS, NAMES, describe(ROWS, NAMES, flip=embedded))
    warn_of_other_flip(threshold(flip=measured), read_embeddings(tmp_path / "faces.npy"), Output(quiet=True))
    printed = capsys.readouterr().err
    assert said in printed and bool(printed) == bool(said)
