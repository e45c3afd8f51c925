"""`femb search`: stored embeddings and images, searched for in others."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from stored_embeddings import describe, save_npy

NAMES = ["anna/1.jpg", "anna/2.jpg", "bert/1.jpg", "carl/1.jpg"]
ROWS = [(1, 0, 0), (1, 0.1, 0), (0, 1, 0), (0, 0.1, 1)]


@pytest.fixture
def gallery(tmp_path):
    save_npy(tmp_path / "gallery.npy", ROWS, NAMES, describe(ROWS, NAMES))
    return "gallery.npy"


@pytest.fixture
def queries(tmp_path):
    rows, names = [(1, 0.05, 0), (0, 0, -1)], ["x.jpg", "y.jpg"]
    save_npy(tmp_path / "queries.npy", rows, names, describe(rows, names))
    return "queries.npy"


def test_the_nearest_entries_are_printed_by_name(femb, queries, gallery):
    result = femb("search", queries, gallery, "-k", 2)
    assert result.code == 0
    assert "from which score on it is one person is not known" in result.err
    lines = [line.split() for line in result.out.splitlines()]
    assert lines[0] == ["query", "rank", "score", "name"]
    assert lines[1:3] == [["x.jpg", "1", "0.9988", "anna/2.jpg"], ["x.jpg", "2", "0.9988", "anna/1.jpg"]]
    assert [line[0] for line in lines[3:]] == ["y.jpg", "y.jpg"]


def test_the_json_holds_every_query_also_without_hits(femb, queries, gallery):
    result = femb("search", queries, gallery, "--threshold", 0.5, "--json")
    found = json.loads(result.out)
    assert (found["num_queries"], found["num_gallery"]) == (2, 4)
    x, y = found["queries"]
    assert [hit["name"] for hit in x["hits"]] == ["anna/2.jpg", "anna/1.jpg"]
    assert y == {"name": "y.jpg", "hits": []}
    assert "1 of 2 queries has no hit" in result.err


def test_hits_that_reach_the_threshold_but_not_the_list_are_said(femb, queries, gallery):
    cut = femb("search", queries, gallery, "--threshold", 0.5, "--top", 1)
    assert "1 of 2 queries has more than 1 hit from 0.5 on: --top shows more of them" in cut.err
    assert "is not known" not in cut.err
    assert "more than" not in femb("search", queries, gallery, "--threshold", 0.5, "--top", 2).err


def test_an_index_is_built_and_used(femb, queries, gallery):
    pytest.importorskip("faiss")
    exact = femb("search", queries, gallery, "--json")
    first = femb("search", queries, gallery, "--index", "gallery.index", "--json")
    assert first.code == 0, first.err
    assert "wrote gallery.index, an index of 4 embeddings" in first.err
    assert "the search is approximate: of 4 of the gallery's own rows, it finds 100.0 % of the nearest" in first.err
    found = json.loads(first.out)
    assert found.pop("index") == {"recall_at_1": 1.0, "recall_at_5": 1.0, "num_sampled": 4}
    assert found == json.loads(exact.out)
    again = femb("search", queries, gallery, "--index", "gallery.index", "--json")
    assert again.out == first.out and "wrote" not in again.err
    assert "the search is approximate" in again.err


def test_what_cannot_have_or_be_an_index_is_refused(femb, queries, gallery, tmp_path):
    pytest.importorskip("faiss")
    assert femb("search", queries, gallery, "--index", "gallery.npy", "--overwrite").code == 2
    (tmp_path / "photos").mkdir()
    result = femb("search", queries, "photos", "--index", "photos.index")
    assert result.code == 2 and "only such a file can have an index" in result.err
    assert femb("search", gallery, queries, "--index", "queries.index").code == 0
    result = femb("search", queries, gallery, "--index", "queries.index")
    assert result.code == 1 and "the index queries.index belongs to 2 embeddings" in result.err
    assert femb("search", queries, gallery, "--index", "queries.index", "--overwrite").code == 0


def test_an_item_does_not_find_itself(femb, gallery):
    result = femb("search", gallery, gallery, "-k", 1, "--json")
    assert "all 4 queries are in the gallery themselves: none of them is compared with itself" in result.err
    hits = [query["hits"][0]["name"] for query in json.loads(result.out)["queries"]]
    assert hits == ["anna/2.jpg", "anna/1.jpg", "anna/2.jpg", "bert/1.jpg"]


def test_the_hits_are_written_as_a_table(femb, queries, gallery):
    assert femb("search", queries, gallery, "-o", "hits.csv", "--quiet").err == ""
    with Path("hits.csv").open(newline="") as file:
        rows = [*csv.DictReader(file)]
    assert len(rows) == 8
    assert (rows[0]["query"], rows[0]["rank"], rows[0]["name"]) == ("x.jpg", "1", "anna/2.jpg")
    assert float(rows[0]["score"]) == pytest.approx(1.005 / (1.0025 * 1.01) ** 0.5)
    assert "exists already" in femb("search", queries, gallery, "-o", "hits.csv").err
    assert femb("search", queries, gallery, "-o", "hits.csv", "--overwrite").code == 0
    assert femb("search", queries, gallery, "-o", "hits.xlsx").code == 2


def test_embeddings_of_two_networks_are_refused(femb, queries, gallery, tmp_path):
    save_npy(tmp_path / "other.npy", ROWS, NAMES, describe(ROWS, NAMES, weights="ff"))
    result = femb("search", queries, "other.npy")
    assert result.code == 1
    assert "come from two networks" in result.err


def test_options_of_images_are_not_passed_over_in_silence(femb, queries, gallery):
    assert "warning: --model and --flip are for images" in femb("search", queries, gallery, "--flip", "sum").err


def test_images_are_searched_with_the_model_of_the_stored_embeddings(femb, trained):
    samples = trained / "samples"
    assert femb("embed", samples, "-o", "samples.npy", "--model", trained, "--quiet").code == 0
    first = sorted(samples.iterdir())[0]
    result = femb("search", first, "samples.npy", "--json", "--show", "hits.html", "--images", samples)
    assert result.code == 0, result.err
    hits = json.loads(result.out)["queries"][0]["hits"]
    assert "the query is in the gallery itself: it is not compared with itself" in result.err
    assert len(hits) == 5 and first.name not in [hit["name"] for hit in hits]
    assert Path("hits.html").read_text().count("data:image/jpeg") == 1 + len(hits)


def test_two_folders_are_searched_without_stored_embeddings(femb, trained):
    result = femb("search", trained / "samples", trained / "samples", "--model", trained, "-k", 1, "--json")
    assert result.code == 0, result.err
    assert len(json.loads(result.out)["queries"]) == 6


def test_a_page_of_stored_embeddings_needs_their_images(femb, queries, gallery):
    result = femb("search", queries, gallery, "--show", "hits.html")
    assert result.code == 2
    assert "queries.npy holds embeddings, not the images" in result.err
    assert "--images" in result.err


def test_stored_embeddings_are_searched_and_grouped_without_torch(femb, gallery, tmp_path):
    code = (
        "from femb_cli.cli.app import run; import sys;"
        "codes = run(['search', 'gallery.npy', 'gallery.npy']), run(['group', 'gallery.npy', '--threshold', '0.5']);"
        "assert codes == (0, 0); assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_real_faces_find_the_other_photos_of_their_person(femb, shared, tmp_path):
    """Twenty people of LFW with two photos each, by foamliu's network."""
    import zipfile

    from femb_cli.data.images.decode import decode_image
    from femb_cli.inference import load_embedder

    weights = shared / "data/weights/mobilefacenet_foamliu.pt"
    if not weights.is_file():
        pytest.skip("needs the published weights")
    assert femb("convert-checkpoint", weights, "foamliu", "--quiet").code == 0
    with zipfile.ZipFile(shared / "data/lfw_aligned_112.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        people = {}
        for name in names:
            people.setdefault(name.split("/")[-2], []).append(name)
        chosen = [name for images in people.values() if len(images) == 2 for name in images][:40]
        images = np.stack([decode_image(archive.read(name)) for name in chosen])
    rows = load_embedder("foamliu", "cpu")(images, flip=True)
    chosen = ["/".join(name.split("/")[-2:]) for name in chosen]
    save_npy(tmp_path / "lfw.npy", rows, chosen, describe(rows, chosen))
    found = json.loads(femb("search", "lfw.npy", "lfw.npy", "-k", 1, "--json").out)["queries"]
    right = [query["name"].split("/")[0] == query["hits"][0]["name"].split("/")[0] for query in found]
    assert sum(right) >= 38
    grouped = json.loads(femb("group", "lfw.npy", "--check", "--json").out)
    assert grouped["agreement"]["pairwise_f"] > 0.9
