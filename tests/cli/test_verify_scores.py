"""`femb verify --scores`, `--write-scores` and `--on-missing`, and several lists."""

import json
from pathlib import Path

import numpy as np
import pytest
from stored_embeddings import GENUINE, IMPOSTOR, save_npy, store

RATES = ("num_pairs", "accuracy", "threshold", "tar_at_far", "eer", "auc", "d_prime", "arcface_torch_val_at_far_1e3")


@pytest.fixture
def many(tmp_path, monkeypatch):
    """Embeddings of 30 people, two images each, and the arguments of their verification; the folds are the list's."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    rows = np.repeat(generator.normal(size=(30, 8)), 2, axis=0)
    names = [f"{person};x/{number}.jpg" for person in range(30) for number in (1, 2)]
    save_npy(Path("e.npy"), rows + 0.7 * generator.normal(size=rows.shape), names)
    lines = ["ref,probe,mated,fold"]
    lines += [f"{person};x/1.jpg,{person};x/2.jpg,1,{person % 3}" for person in range(30)]
    lines += [f"{person};x/1.jpg,{(person + 1) % 30};x/2.jpg,0,{person % 3}" for person in range(30)]
    Path("pairs.csv").write_text("\n".join(lines) + "\n")
    return "verify", "--pairs", "pairs.csv", "--embeddings", "e.npy", "--json"


@pytest.mark.parametrize("protocol", ["arcface", "exact"])
def test_written_scores_give_the_same_figures_when_they_are_read(femb, many, protocol):
    written = femb(*many, "--protocol", protocol, "--write-scores", "s.csv")
    assert written.code == 0, written.err
    assert Path("s.csv").read_text().startswith("ref;probe;mated;score;fold\n")
    read = femb("verify", "--scores", "s.csv", "--protocol", protocol, "--json")
    first, second = json.loads(written.out), json.loads(read.out)
    names = RATES if protocol == "arcface" else RATES[:-1]
    assert {name: second[name] for name in names} == {name: first[name] for name in names}
    assert femb(*many, "--write-scores", "s.csv").code == 1  # it exists


@pytest.mark.parametrize(
    ("pairs", "mated"), [(GENUINE, ["1", "1"]), (IMPOSTOR, ["0", "0"]), (["a/1.jpg,b/1.jpg"], [""])]
)
def test_scores_of_one_kind_or_without_labels_are_written_and_no_figures_are_given(femb, pairs, mated):
    arguments = store(pairs=pairs)
    if not mated[0]:
        Path("pairs.csv").write_text("\n".join(["ref,probe", *pairs]) + "\n")
        refused = femb(*arguments)
        assert (refused.code, "--write-scores" in refused.err) == (1, True)
    result = femb(*arguments, "--write-scores", "s.csv", "--json")
    assert result.code == 0, result.err
    assert "no figures" in result.err
    assert json.loads(result.out)["num_pairs"] == len(pairs)
    header, *lines = Path("s.csv").read_text().splitlines()
    assert header == "ref;probe;mated;score"
    assert [line.split(";")[2] for line in lines] == mated


def test_pairs_of_missing_images_are_nan_and_counted(femb):
    arguments = store(pairs=[*GENUINE, *IMPOSTOR, "a/1.jpg,c/1.jpg,0"])
    refused = femb(*arguments)
    assert (refused.code, "--on-missing nan" in refused.err) == (1, True)
    result = femb(*arguments, "--on-missing", "nan", "--write-scores", "s.csv", "--json")
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert (document["num_pairs"], document["num_missing"]) == (4, 1)
    assert "1 of 5 pairs lack an image (nan)" in result.err
    assert Path("s.csv").read_text().splitlines()[-1] == "a/1.jpg;c/1.jpg;0;nan"
    again = json.loads(femb("verify", "--scores", "s.csv", "--json").out)
    assert (again["num_missing"], again["eer"]) == (1, document["eer"])


def test_several_lists_of_one_set_have_a_row_each_and_one_of_all(femb):
    arguments = store(pairs=[*GENUINE, *IMPOSTOR])
    Path("other").mkdir()
    Path("other/pairs.csv").write_text(
        "img1,img2,label\na/1.jpg,a/2.jpg,1\nb/1.jpg,b/2.jpg,1\n" + "a/2.jpg,b/1.jpg,0\n" * 2
    )
    result = femb(*arguments, "--pairs", "other/pairs.csv", "--json")
    assert result.code == 0, result.err
    results = json.loads(result.out)["results"]
    assert [(each["benchmark"].rpartition("/")[2], each["num_pairs"]) for each in results] == [
        ("pairs.csv", 4),
        ("pairs.csv", 4),
        ("all 2 lists", 8),
    ]
    assert results[1]["benchmark"] == "other/pairs.csv"
    assert "other/pairs.csv, line 2 (a/1.jpg, a/2.jpg): the pair is listed before" in result.err
    assert "'label' is whether they show one person" in result.err


def test_what_was_guessed_of_a_list_is_said_and_can_be_overruled(femb):
    arguments = store()
    rows = [f"{row},{1 - int(row[-1])}" for row in (*GENUINE, *IMPOSTOR)]
    Path("pairs.csv").write_text("\n".join(["p1,p2,foo,bar", *rows]))
    said = femb(*arguments, "--columns", "mated=bar", "--json")
    assert json.loads(said.out)["auc"] == 0.0
    assert "'bar' is whether they show one person" in said.err


def test_scores_of_pairs_that_are_there_twice_or_of_one_image_are_said(femb, tmp_path):
    rows = ["a,b,1,0.9", "a,c,0,0.1", "b,a,1,0.8", "a,c,0,0.1", "d,d,1,1.0"]
    (tmp_path / "s.csv").write_text("\n".join(["ref,probe,mated,score", *rows]) + "\n")
    said = femb("verify", "--scores", "s.csv").err
    assert "s.csv, a and c: the pair is listed before (1 repeated pair of 5)" in said
    assert "s.csv, d and d: both images have one name (1 such pair of 5)" in said


def test_equal_scores_tell_nobody_apart(femb, tmp_path):
    (tmp_path / "s.csv").write_text("mated,score\n" + "1,0.5\n0,0.5\n" * 20)
    assert "s.csv: all scores are 0.5, which tell nobody apart" in femb("verify", "--scores", "s.csv").err


def test_thresholds_that_the_impostor_pairs_cannot_show_are_not_said(femb, tmp_path):
    (tmp_path / "s.csv").write_text("mated,score\n" + "1,0.9\n0,0.1\n" * 20)
    assert (
        "at FMR 1e-1, none at FMR 1e-2 and 1e-3 and 1e-4, which 20 impostor pairs cannot show"
        in femb("verify", "--scores", "s.csv").err
    )


def test_files_of_one_kind_are_refused_by_name(femb, tmp_path):
    (tmp_path / "s.csv").write_text("mated,score\n1,0.9\n1,0.1\n")
    (tmp_path / "t.csv").write_text((tmp_path / "s.csv").read_text())
    for files in (("--scores", "s.csv"), ("--scores", "s.csv", "--scores", "t.csv")):
        result = femb("verify", *files)
        assert result.code == 1
        assert "s.csv has 2 genuine and 0 impostor pairs" in result.err


@pytest.mark.slow
@pytest.mark.usefixtures("quick_figures")
def test_scores_have_a_report_with_det_but_no_discard_curve(femb, tmp_path):
    Path("s.csv").write_text("mated,score\n" + "1,0.9\n0,0.1\n1,0.7\n0,0.3\n0,0.8\n1,0.85\n")
    result = femb("verify", "--scores", "s.csv", "--report", "report", "--intervals")
    assert result.code == 0, result.err
    assert "thresholds (score): " in result.err
    assert (tmp_path / "report" / "det.svg").is_file()
    assert not (tmp_path / "report" / "edc.svg").exists()


@pytest.mark.parametrize(
    "options",
    [
        ("--scores", "s.csv", "--pairs", "p.csv", "--dataset", "lfw"),
        ("--scores", "s.csv", "--pairs", "p.csv", "--model", "m"),
        ("--scores", "s.csv", "--pairs", "p.csv", "--impostor-scores", "i.csv"),
        ("--scores", "s.csv", "--scores", "s.csv"),
        ("--scores", "s.csv", "--model", "m"),
        ("--distances",),
        ("--columns", "mated=x"),
        ("--scores", "s.csv", "--write-scores", "c.csv"),
        ("--pairs", "p.csv", "--scores", "a.csv", "--scores", "b.csv", "--write-scores", "c.csv"),
    ],
)
def test_options_that_do_not_go_together_are_usage_errors(femb, options):
    assert femb("verify", *options).code == 2


@pytest.mark.usefixtures("quick_figures")
def test_scores_of_another_program_are_a_model_beside_the_embeddings(femb, many):
    """The program has its own order and columns, and the list knows which pairs are genuine, their groups and folds."""
    femb(*many, "--write-scores", "s.csv")
    rows = [line.split(";") for line in Path("s.csv").read_text().replace(";x", "|x").splitlines()[1:]]
    lines = [f"{probe},{ref},{2 - float(score)}\n" for ref, probe, _, score, _ in reversed(rows)]
    Path("vendor.csv").write_text("image_1,image_2,distance\n" + "".join(lines).replace("|x", ";x"))
    arguments = (*many, "--scores", "vendor=vendor.csv", "--distances", "--protocol", "exact", "--report", "report")
    result = femb(*arguments, "--overwrite")
    assert result.code == 0, result.err
    ours, theirs = json.loads(result.out)["results"]
    assert (ours["benchmark"], theirs["benchmark"], theirs["model"]) == ("pairs.csv", "pairs.csv", "vendor")
    assert theirs["eer"] == ours["eer"]
    assert theirs["accuracy"] == ours["accuracy"]
    assert theirs["threshold"] == pytest.approx(2 - ours["threshold"])
    (comparison,) = json.loads(Path("report/results.json").read_text())["comparisons"]
    assert comparison["differences"]["eer"]["difference"] == 0
    described = json.loads(femb(*arguments, "--overwrite", "--dry-run").out)
    assert [each.get("scores") or each.get("path") or each["embeddings"] for each in described["reads"]] == [
        "e.npy",
        "vendor.csv",
    ]


def test_columns_beside_a_list_are_those_of_the_scores_if_they_name_the_score(femb, many):
    Path("v.csv").write_text("".join(f"{p};x/1.jpg,{p};x/2.jpg,7,0.9\n" for p in range(30)))
    result = femb(*many[:3], "--scores", "v.csv", "--columns", "ref=1,probe=2,score=4", "--on-missing", "nan")
    assert result.code == 1, result.err
    assert "30 genuine and 0 impostor pairs" in result.err
    assert "30 of 60 pairs have no score" in result.err
