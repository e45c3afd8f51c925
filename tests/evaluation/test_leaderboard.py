"""The leaderboard: rows are added, the later one counts, and nothing is mixed that cannot be compared."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from leaderboards import entry
from reports import overlapping_scores, scored

from femb_cli.errors import FembError
from femb_cli.evaluation.leaderboard import add_to_leaderboard, entries_of, read_leaderboard, standings
from femb_cli.progress import silent


def test_a_verification_becomes_a_row(tmp_path):
    result = replace(scored(tmp_path, overlapping_scores(200), "net"), fingerprint="AAAA")
    (row,) = entries_of(["net"], [result])
    assert (row.accuracy, row.eer, row.impostor_pairs) == (result.metrics.accuracy, result.metrics.eer, 100)
    assert len(row.fingerprint) == 16
    assert entries_of(["net"], [replace(result, fingerprint="")])[0].fingerprint == ""


def test_rows_are_added_and_read_back(tmp_path):
    file = tmp_path / "runs" / "board.csv"
    first, later = [entry(), entry('b, "c"')], [entry(accuracy=0.95)]
    assert add_to_leaderboard(file, first, silent) == []
    assert add_to_leaderboard(file, later, silent) == first[:1]
    assert read_leaderboard(file) == [*first, *later]
    assert [path.name for path in file.parent.iterdir()] == ["board.csv"]


def test_columns_of_others_and_a_last_line_without_end_stay(tmp_path):
    file = tmp_path / "board.csv"
    add_to_leaderboard(file, [entry()], silent)
    header, row = file.read_text().splitlines()
    file.write_text(f"note,{header}\nmine,{row}")
    add_to_leaderboard(file, [entry("b")], silent)
    assert file.read_text().splitlines()[1] == f"mine,{row}"
    assert [each.model for each in read_leaderboard(file)] == ["a", "b"]


def test_a_link_goes_on_leading_to_the_file(tmp_path):
    (tmp_path / "link.csv").symlink_to(tmp_path / "board.csv")
    add_to_leaderboard(tmp_path / "link.csv", [entry()], silent)
    assert (tmp_path / "link.csv").is_symlink()
    assert len(read_leaderboard(tmp_path / "board.csv")) == 1


def test_writers_at_the_same_time_lose_nothing(tmp_path):
    file = tmp_path / "board.csv"
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: add_to_leaderboard(file, [entry(f"m{number}")], silent), range(16)))
    assert sorted(each.model for each in read_leaderboard(file)) == sorted(f"m{number}" for number in range(16))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda text: text.replace(b"0.95", b"much"), "line 2 has no number where one is due"),
        (lambda text: text.replace(b"0.95", b"95.0"), "line 2: auc is 95.0, not between 0 and 1"),
        (lambda text: text.replace(b"0.95", b"nan"), "line 2: auc is nan, not between 0 and 1"),
        (lambda text: text.replace(b",1\n", b"\n"), "line 2 has another number of columns than the first line"),
        (lambda text: text.replace(b"0.95", b"0.95,0"), "line 2 has another number of columns than the first line"),
        (lambda text: text + b'"', "is no CSV"),
        (lambda text: b"\xff" + text, "it is no text in UTF-8"),
        (lambda text: b"\n" + text, "it has no column 'date'"),
    ],
)
def test_a_damaged_file_is_refused_and_left_as_it_is(tmp_path, damage, reason):
    file = tmp_path / "board.csv"
    add_to_leaderboard(file, [entry()], silent)
    file.write_bytes(damage(file.read_bytes()))
    before = file.read_bytes()
    with pytest.raises(FembError, match=reason):
        add_to_leaderboard(file, [entry("b")], silent)
    assert file.read_bytes() == before


def test_the_later_row_counts_and_the_best_mean_is_first():
    rows = [entry("a", "lfw", accuracy=0.5), entry("a", "calfw"), entry("b", "lfw"), entry("b", "calfw", accuracy=0.8)]
    now = standings([*rows, entry("a", "lfw", accuracy=1.0)])
    assert now.models == ["a", "b"]
    assert now.entries["a", "lfw"].accuracy == 1.0
    assert now.means.by_model["a"]["accuracy"] == pytest.approx(0.95)
    assert now.remarks == []


def test_means_are_over_the_benchmarks_that_every_model_has():
    shared = [entry(model, benchmark) for model in "ab" for benchmark in ("lfw", "calfw")]
    now = standings([*shared, entry("a", "xqlfw", accuracy=0.1)])
    assert now.benchmarks == ["lfw", "calfw", "xqlfw"]
    assert now.means.benchmarks == ("lfw", "calfw")
    assert now.means.by_model["a"]["accuracy"] == pytest.approx(0.9)
    assert standings([entry("a", "lfw"), entry("b", "calfw")]).means.by_model == {}


def test_rows_of_other_pairs_or_another_protocol_are_in_no_mean():
    rows = [entry(model, benchmark) for model in "ab" for benchmark in ("lfw", "calfw", "cplfw")]
    now = standings([*rows, entry("b", "lfw", impostor_pairs=60), entry("b", "cplfw", protocol="exact")])
    assert now.means.by_model == {}
    assert [remark.split(":")[0] for remark in now.remarks] == ["lfw", "cplfw"]


def test_rows_with_and_without_mirror_images_are_named():
    now = standings([entry("a", "lfw"), entry("b", "lfw", flip="none"), entry("a", "calfw"), entry("b", "calfw")])
    assert now.remarks == ["lfw: some rows add the embeddings of mirror images and others do not"]
    assert now.means.benchmarks == ("lfw", "calfw")


def test_rows_of_older_weights_do_not_count():
    now = standings([entry("a", "lfw"), entry("a", "calfw"), entry("a", "lfw", fingerprint="f1")])
    assert list(now.entries) == [("a", "lfw")]
    assert now.remarks == ["rows of older weights are left out: a"]
