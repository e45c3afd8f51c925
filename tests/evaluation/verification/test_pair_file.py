"""Pair files, good and damaged."""

import json

import numpy as np
import pytest
from pair_files import CSV, FOLDS, LFW, write_pair_file

from femb_cli.errors import FembError
from femb_cli.evaluation.verification.pair_file import pairs_text, read_pairs


@pytest.mark.parametrize(
    "text",
    [
        "\r\n".join(LFW) + "\r\n\r\n \t\r\n",
        "\ufeff" + "\n".join(LFW),
        "\n".join(f"  {line} \t" for line in LFW),
        "\n".join(line.replace("\t", "  ") for line in LFW),
    ],
    ids=["crlf and blank lines at the end", "byte order mark", "spaces around", "spaces for tabs"],
)
def test_harmless_differences_do_not_matter(tmp_path, text):
    plain = read_pairs(write_pair_file(tmp_path, LFW))
    other = read_pairs(write_pair_file(tmp_path, text.encode()))
    assert (other.left, other.right) == (plain.left, plain.right)
    np.testing.assert_array_equal(other.folds_N, plain.folds_N)


def test_one_set_is_split_into_ten_folds_of_equal_shares(tmp_path):
    lines = ["20", *(f"Ann\t{n}\t{n + 1}" for n in range(1, 21)), *(f"Ann\t{n}\tBob\t{n}" for n in range(1, 21))]
    pairs = read_pairs(write_pair_file(tmp_path, lines))
    assert pairs.num_folds == 10
    expected = np.repeat(np.arange(10), 2).tolist()
    assert pairs.folds_N[pairs.genuine_N].tolist() == expected
    assert pairs.folds_N[~pairs.genuine_N].tolist() == expected


def test_a_short_list_gets_as_many_folds_as_it_can_fill(tmp_path):
    assert read_pairs(write_pair_file(tmp_path, CSV)).folds_N.tolist() == [0, 0, 1, 1]


def test_a_list_of_one_kind_can_still_be_read(tmp_path):
    assert read_pairs(write_pair_file(tmp_path, CSV[:2])).num_folds == 1


@pytest.mark.parametrize(
    ("lines", "line", "what"),
    [
        (["", ""], 1, "empty"),
        (["hello", "a b c"], 1, "header"),
        (["2\t0"], 1, "no pairs"),
        (["2\t-2"], 1, "header"),
        (LFW[:-1], 1, "8 pairs announced, 7 found"),
        ([*LFW, "Ann\t1\t2"], 1, "8 pairs announced, 9 found"),
        ([LFW[0], "a\t1\tb\t2\tc", *LFW[2:]], 2, "5 columns"),
        ([LFW[0], LFW[3], *LFW[2:]], 2, "genuine pair .* found 4 columns"),
        ([*LFW[:3], LFW[1], *LFW[4:]], 4, "impostor pair .* found 3 columns"),
        ([*LFW[:3], "", *LFW[4:]], 4, "found 0 columns"),
        ([LFW[0], "Ann\tone\t2", *LFW[2:]], 2, "'one' is not the number"),
        ([LFW[0], "Ann\t1_0\t2", *LFW[2:]], 2, "'1_0' is not the number"),
        ([LFW[0], "Ann\t" + "9" * 5000 + "\t2", *LFW[2:]], 2, "is not the number"),
        ([LFW[0], "../../etc\t1\t2", *LFW[2:]], 2, "not a person's name"),
        ([LFW[0], "..\t1\t2", *LFW[2:]], 2, "not a person's name"),
        ([LFW[0], "a\\b\t1\t2", *LFW[2:]], 2, "not a person's name"),
        ([LFW[0], "C:a\t1\t2", *LFW[2:]], 2, "not a person's name"),
        ([LFW[0], "a/\t1\t2", *LFW[2:]], 2, "not a person's name"),
        ([*LFW[:3], "Ann\t1\t/etc\t2", *LFW[4:]], 4, "not a person's name"),
        (CSV[:1], 1, "no pairs below"),
        ([*CSV, "a/1.jpg,a/2.jpg"], 6, "expected 3 columns, found 2"),
        ([*CSV, "a/1.jpg,a/2.jpg,maybe"], 6, "`mated` is 'maybe'"),
        ([*CSV, "../1.jpg,a/2.jpg,1"], 6, "not a path inside"),
        ([*CSV, "a/1.jpg,/etc/passwd,1"], 6, "not a path inside"),
        ([*CSV, "a/1.jpg,..\\2.jpg,1"], 6, "not a path inside"),
        ([*CSV, "a/1.jpg,,1"], 6, "not a path inside"),
        ([*CSV, 'a/1.jpg,"a/2.jpg,1'], 6, "not CSV"),
        ([FOLDS[0], "a/1.jpg,a/2.jpg,1,-1"], 2, "`fold` is '-1'"),
        ([*FOLDS, "a/1.jpg,a/2.jpg,1,"], 6, "`fold` is ''"),
        ([*FOLDS, "a/1.jpg,a/2.jpg,1,1.5"], 6, "`fold` is '1.5'"),
        ([*FOLDS, "a/1.jpg,a/2.jpg,1,4"], 6, "`fold` is 4, but no pair is in fold 3"),
        ([FOLDS[0], "a/1.jpg,a/2.jpg,1,2"], 2, "`fold` is 2, but no pair is in fold 1"),
    ],
)
def test_a_damaged_file_is_refused_with_its_line(tmp_path, lines, line, what):
    path = write_pair_file(tmp_path, lines)
    with pytest.raises(FembError, match=what) as refused:
        read_pairs(path)
    assert refused.value.message.startswith(f"{path}, line {line}: ")
    assert len(refused.value.message) < 300 + len(str(path))


def test_bytes_that_are_no_text_are_refused_with_their_line(tmp_path):
    with pytest.raises(FembError, match="line 2: not UTF-8"):
        read_pairs(write_pair_file(tmp_path, b"1\t1\nAnn\xff\t1\t2\nAnn\t1\tBob\t1"))


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(FembError, match="cannot read the pair file"):
        read_pairs(tmp_path / "none.txt")


def golden(shared, outcome):
    folder = shared / "golden" / "formats" / "archives"
    files = json.loads((folder / "expected.json").read_text())["files"]
    cases = [case for case in files if case["file"].startswith("pairs_") and case["outcome"] == outcome]
    assert len(cases) >= 6
    return [(folder / case["file"], case) for case in cases]


def test_golden_pair_files_that_read_give_their_pairs(shared):
    for path, case in golden(shared, "reads"):
        pairs = read_pairs(path)
        rows = zip(pairs.left, pairs.right, pairs.genuine_N.tolist(), pairs.folds_N.tolist(), strict=True)
        assert [list(row) for row in rows] == case["pairs"], path.name
        assert pairs.num_folds == case["folds"]


def test_golden_damaged_pair_files_are_refused_with_file_and_line(shared):
    images = {name for path, _ in golden(shared, "reads") for name in read_pairs(path).names()}
    for path, case in golden(shared, "refused"):
        with pytest.raises(FembError) as refused:
            read_pairs(path).indices(sorted(images))
        line = case["bad_line"] or 1
        assert refused.value.message.startswith(f"{path}, line {line}: "), path.name
        if case["bad_line"] is None:
            assert case["must"][0] in refused.value.message


@pytest.mark.parametrize(
    ("file", "num_pairs"), [("pairs.txt", 6000), ("xqlfw_pairs.txt", 6000), ("pairsDevTest.txt", 1000)]
)
def test_official_pair_files_read(shared, file, num_pairs):
    pairs = read_pairs(shared / "data" / "protocols" / file)
    assert len(pairs) == num_pairs
    assert pairs.num_folds == 10
    assert np.bincount(pairs.folds_N[pairs.genuine_N]).tolist() == [num_pairs // 20] * 10
    assert np.bincount(pairs.folds_N[~pairs.genuine_N]).tolist() == [num_pairs // 20] * 10


def test_a_list_of_people_is_not_a_list_of_pairs(shared):
    with pytest.raises(FembError, match="3422 pairs announced, 1711 found"):
        read_pairs(shared / "data" / "protocols" / "peopleDevTest.txt")


def test_a_written_list_is_read_as_it_was(tmp_path):
    lines = [
        "ref,probe,fold,ref_subject,probe_subject",
        '"a,b/1.jpg",a/2.jpg,0,Ann,Ann',
        'a/2.jpg,b/1.jpg,1,Ann,"B ""o"""',
    ]
    pairs = read_pairs(write_pair_file(tmp_path, lines))
    (tmp_path / "again.csv").write_text(pairs_text(pairs))
    again = read_pairs(tmp_path / "again.csv")
    for name in ("left", "right", "stated_subjects"):
        assert getattr(again, name) == getattr(pairs, name)
    for name in ("genuine_N", "folds_N", "lines_N"):
        np.testing.assert_array_equal(getattr(again, name), getattr(pairs, name))
