"""Scores of other programs: all forms of the same scores give the same figures."""

from pathlib import Path

import numpy as np
import pytest

from femb_cli.errors import FembError, UsageError
from femb_cli.evaluation.verification.pair_formats.columns import ColumnChoice
from femb_cli.evaluation.verification.result import Verification, with_metrics
from femb_cli.evaluation.verification.score_files.verify import ScoreFiles, read_scores

GENUINE = np.random.default_rng(0).normal(0.6, 0.15, 60).round(6).tolist()
IMPOSTOR = np.random.default_rng(1).normal(0.1, 0.15, 300).round(6).tolist()
LABELLED = [(1, score) for score in GENUINE] + [(0, score) for score in IMPOSTOR]
FIGURES = ("num_pairs", "accuracy", "eer", "auc", "d_prime", "tar_at_far", "fnmr_at_fmr")


def verified(folder: Path, *texts: str, **options: object) -> Verification:
    files = [folder / f"scores{number}.txt" for number in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    (found,) = read_scores(ScoreFiles(tuple(files), **options))
    return with_metrics(found.scored)


def figures(result: Verification) -> dict[str, object]:
    return {name: getattr(result.metrics, name) for name in FIGURES}


def lines(line, title=""):
    return title + "".join(f"{line(number, mated, score)}\n" for number, (mated, score) in enumerate(LABELLED))


@pytest.mark.parametrize(
    "text",
    [
        lines(lambda n, m, s: f"id{n % 9} id{n % 9 + (not m)} probe{n} {s}"),
        lines(lambda n, m, s: f"id{n % 9}  model{n}  id{n % 9 + (not m)}  probe{n}   {s} "),
        lines(lambda n, m, s: f"{n % 9}\t{n % 9 + (not m)}\tp/{n}\t{s}"),
        lines(lambda n, m, s: f"a/{n}.jpg b/{n}.jpg {m} {s}"),
        lines(lambda n, m, s: f"a/{n};b/{n};{m};{s}"),
        lines(lambda n, m, s: f"a/{n}.jpg a/{n + 1}.jpg {s} {m}"),
        lines(lambda n, m, s: f"{m},{s}"),
        lines(lambda n, m, s: f"{s} {'genuine' if m else 'impostor'}"),
        lines(lambda n, m, s: f"{m},{s}", "label,similarity\n"),
        lines(lambda n, m, s: f'"a {n}.jpg","b, {n}.jpg",{bool(m)},{s}', "\ufeffimg1,img2,same,whatever\n"),
    ],
    ids=[
        "4 columns",
        "5 columns",
        "ids are numbers",
        "flag",
        ";",
        "flag last",
        "2 columns",
        "words",
        "titles",
        "quotes",
    ],
)
def test_all_forms_of_the_same_scores_give_the_same_figures(tmp_path, text):
    plain = verified(tmp_path, lines(lambda n, m, s: f"{m};{s}", "mated;score\n"))
    assert plain.metrics.protocol == "exact"
    assert figures(verified(tmp_path, text)) == figures(plain)


def test_genuine_and_impostor_scores_in_two_files_are_told_apart_by_name_or_by_option(tmp_path):
    plain = figures(verified(tmp_path, lines(lambda n, m, s: f"{m},{s}", "mated,score\n")))
    files = {"genuine.txt": GENUINE, "impostor.txt": IMPOSTOR}
    for name, scores in files.items():
        (tmp_path / name).write_text("\n".join(map(str, scores)) + "\n")
    one, other = (tmp_path / name for name in files)
    for request in (ScoreFiles((one, other)), ScoreFiles((other, one)), ScoreFiles((one,), impostors=other)):
        (found,) = read_scores(request)
        assert figures(with_metrics(found.scored)) == plain
    assert "by their names" in read_scores(ScoreFiles((other, one)))[0].notes[0]
    other.rename(tmp_path / "second.txt")
    with pytest.raises(UsageError, match="do not say which has the genuine scores"):
        read_scores(ScoreFiles((one, tmp_path / "second.txt")))


def test_distances_give_the_figures_of_similarities_only_when_told(tmp_path):
    plain = verified(tmp_path, lines(lambda n, m, s: f"{m},{s}", "mated,score\n"))
    text = lines(lambda n, m, s: f"{m},{1 - s:.6f}", "mated,dist\n")
    told = verified(tmp_path, text, are_distances=True)
    assert {**figures(told), "d_prime": 0} == {**figures(plain), "d_prime": 0}
    assert told.metrics.threshold == pytest.approx(1 - plain.metrics.threshold, abs=1e-9)
    assert told.metrics.threshold_at_fmr["1e-2"] == pytest.approx(1 - plain.metrics.threshold_at_fmr["1e-2"], abs=1e-9)
    warning, *_ = verified(tmp_path, text).warnings
    assert "if the scores are distances, add --distances" in warning


def test_scores_that_are_nan_are_left_out_and_counted(tmp_path):
    result = verified(tmp_path, "mated,score\n1,0.9\n1,nan\n1,0.8\n0,0.1\n0,\n0,0.2\n0,NA\n")
    assert (result.num_missing, result.metrics.num_genuine, result.metrics.num_impostor) == (3, 2, 2)


def test_one_of_several_columns_of_scores_must_be_named(tmp_path):
    text = lines(lambda n, m, s: f"{m},{s},{-s}", "label,vgg,resnet\n")
    with pytest.raises(FembError, match="no column of scores") as refused:
        verified(tmp_path, text)
    assert "--columns score=" in (refused.value.hint or "")
    assert verified(tmp_path, text, columns=ColumnChoice.parse("score=vgg")).metrics.auc > 0.9
    assert verified(tmp_path, text, columns=ColumnChoice.parse("score=3")).metrics.auc < 0.1


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("mated,score\n1,0.9\n0,x\n", r"line 3: `score` is 'x', expected a number"),
        ("mated,score\n1,0.9\n0\n", r"line 3: expected 2 columns, found 1"),
        ("mated,score\n1,0.9\nmaybe,0.1\n", r"line 3: `mated` is 'maybe'"),
        ("mated,score\n1,0.9\n0,inf\n", "score 2 .* is inf"),
        ("mated,score\n1,nan\n0,nan\n", "no scores but nan"),
        ("0.5\n0.4\n", "does not say which scores are genuine"),
        ("", "is empty"),
        ("mated,score\n1,0.9\n0,0.1\n-1,0.2\n", "0 in some lines and -1 in others"),
    ],
)
def test_damaged_files_are_refused_with_the_line(tmp_path, text, what):
    with pytest.raises(FembError, match=what):
        verified(tmp_path, text)


def test_a_protocol_for_cosines_refuses_other_scores(tmp_path):
    with pytest.raises(FembError, match="the scores reach from 2 to 90"):
        verified(tmp_path, "mated,score\n1,90\n1,80\n0,3\n0,2\n", protocol="arcface")


def test_a_long_file_is_read_in_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("femb_cli.evaluation.verification.score_files.read._BLOCK_BYTES", 700)
    monkeypatch.setattr("femb_cli.evaluation.verification.score_files.read.MOST_NAMED", 100)
    result = verified(tmp_path, lines(lambda n, m, s: f"id{n % 9} id{n % 9 + (not m)}   probe{n} {s}"))
    np.testing.assert_array_equal(result.scores_N, [score for _, score in LABELLED])
    assert result.genuine_N.tolist() == [bool(mated) for mated, _ in LABELLED]
    assert result.pairs.stated_subjects is None


def test_flags_that_end_in_the_middle_of_a_file_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("femb_cli.evaluation.verification.score_files.read._BLOCK_BYTES", 8)
    with pytest.raises(FembError, match="line 4: `mated` is ''"):
        verified(tmp_path, "mated,score\n1,0.5\n0,0.25\n,0.75\n,0.5\n")
