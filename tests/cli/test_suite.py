"""`femb verify --suite` and `--leaderboard`: the benchmarks that are here, the means, and the file that grows."""

import csv
import json
import pickle
from pathlib import Path

import pytest

from femb_cli.data.synthetic.faces import photograph


@pytest.fixture
def data(tmp_path) -> Path:
    """LFW as images and pairs, CFP-FP as a verification set, each of eight pairs in four folds."""
    folder = tmp_path / "data"
    faces = {(person, index): photograph(3, person, index).jpeg for person in range(8) for index in (1, 2)}
    for (person, index), jpeg in faces.items():
        file = folder / f"lfw_aligned_112/Person_{person}/Person_{person}_{index:04d}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(jpeg)
    lines = ["4\t1", *(f"Person_{2 * n}\t1\t2\nPerson_{2 * n}\t1\tPerson_{2 * n + 1}\t1" for n in range(4))]
    (folder / "pairs.txt").write_text("\n".join(lines) + "\n")
    pairs = [((2 * n, 1), (2 * n + same, 2)) for n in range(4) for same in (0, 1)]
    images = [faces[place] for pair in pairs for place in pair]
    (folder / "cfp_fp.bin").write_bytes(pickle.dumps((images, [first[0] == second[0] for first, second in pairs])))
    return folder


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


def test_the_suite_is_what_is_here_with_means_in_80_columns_and_a_leaderboard(femb, trained, data):
    models = ("--model", f"one={trained}", "--model", f"two={trained}")
    result = femb("verify", "--suite", "--data-dir", data, *models)
    assert result.code == 0, result.err
    assert f"left out, because not in {data} or femb's cache: agedb_30, calfw, cplfw, xqlfw" in result.err
    table = result.out.splitlines()
    assert max(map(len, table)) <= 80
    names = [line.split("  ")[0] for line in table[1:]]
    assert names == ["lfw", "lfw", "cfp_fp", "cfp_fp", "mean of 2", "mean of 2"]
    assert "means over lfw, cfp_fp" in result.err
    assert "leaderboard: runs/leaderboard.csv, 4 rows added" in result.err
    assert [(row["model"], row["benchmark"]) for row in rows(Path("runs/leaderboard.csv"))] == [
        (model, benchmark) for model in ("one", "two") for benchmark in ("lfw", "cfp_fp")
    ]
    again = femb("verify", "--suite", "--data-dir", data, *models[:2], "--json")
    document = json.loads(again.out)
    assert len(document["results"]) == 2
    means = document["means"]["models"]["one"]
    assert means["accuracy"] == pytest.approx(sum(each["accuracy"] for each in document["results"]) / 2)
    assert "runs/leaderboard.csv: one had rows on lfw, cfp_fp; the later ones count" in again.err
    assert len(rows(Path("runs/leaderboard.csv"))) == 6
    wide = femb("verify", "--suite", "--data-dir", data, *models, "--wide").out.splitlines()
    assert [line.split()[:4] for line in wide[-2:]] == [["mean", "of", "2", name] for name in ("one", "two")]


def test_a_single_benchmark_has_a_leaderboard_if_asked_and_no_mean(femb, trained, data):
    result = femb(*("verify", "--dataset", "lfw", "--data-dir", data, "-m", trained, "--leaderboard", "board.csv"))
    assert result.code == 0, result.err
    assert "mean" not in result.out
    (row,) = rows(Path("board.csv"))
    assert (row["benchmark"], row["protocol"], row["genuine_pairs"]) == ("lfw", "arcface", "4")
    assert len(row["fingerprint"]) == 16


def test_a_suite_without_files_is_refused_with_a_way_out(femb, trained, tmp_path):
    result = femb("verify", "--suite", "--data-dir", tmp_path, "-m", trained)
    assert result.code == 1
    assert f"no benchmark of the suite is in {tmp_path}" in result.err
    assert "--data-dir names their folder" in result.err


def test_a_damaged_leaderboard_is_refused_before_anything_is_embedded(femb, tmp_path):
    (tmp_path / "board.csv").write_text("name,score\na,1\n")
    result = femb("verify", "--dataset", "nothing", "--model", "nothing", "--leaderboard", "board.csv")
    assert result.code == 1
    assert "board.csv is no leaderboard, or a damaged one: it has no column 'date'" in result.err
    assert (tmp_path / "board.csv").read_text() == "name,score\na,1\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--suite", "--dataset", "lfw"), "--suite and --dataset exclude each other"),
        (("--suite", "--store-threshold", "1e-3"), "--suite and --store-threshold exclude each other"),
        (("--suite", "--scores", "a.csv"), "--scores and --suite exclude each other"),
        (("--pairs", "a.csv", "--images", "b", "--leaderboard", "c.csv"), "--leaderboard needs --suite or --dataset"),
    ],
)
def test_options_that_do_not_fit_are_refused(femb, options, message):
    result = femb("verify", *options)
    assert result.code == 2
    assert message in result.err
