"""Pair files, good and damaged, and finding their images."""

import json

import numpy as np
import pytest

from femb_cli.errors import FembError
from femb_cli.evaluation.verification.pairs import contiguous_folds, read_pairs, stratified_folds

LFW = ["2\t2", "Ann\t1\t2", "Bob\t3\t1", "Ann\t1\tBob\t12", "Bob\t2\tCy\t1"]
LFW += ["Cy\t1\t2", "Dee\t1\t2", "Cy\t1\tDee\t1", "Dee\t2\tAnn\t2"]
CSV = ["ref,probe,mated", "a/1.jpg,a/2.jpg,1", "a/1.jpg,b/1.jpg,0", "b/1.jpg,b/2.jpg,true", "b/2.jpg,c/1.jpg,False"]

FOLDS = ["ref,probe,mated,fold", "a/1.jpg,a/2.jpg,1,2", "a/1.jpg,b/1.jpg,0,0", "b/1.jpg,b/2.jpg,1, 1 "]
FOLDS += ["b/2.jpg,c/1.jpg,0,0"]


def write(tmp_path, lines, end="\n"):
    path = tmp_path / "pairs.txt"
    path.write_bytes(end.join(lines).encode() if isinstance(lines, list) else lines)
    return path


def test_lfw_lines_become_image_names(tmp_path):
    pairs = read_pairs(write(tmp_path, LFW))
    assert pairs.left[:3] == ("Ann/Ann_0001.jpg", "Bob/Bob_0003.jpg", "Ann/Ann_0001.jpg")
    assert pairs.right[:3] == ("Ann/Ann_0002.jpg", "Bob/Bob_0001.jpg", "Bob/Bob_0012.jpg")
    assert len(pairs) == 8


def test_lfw_lines_are_genuine_by_their_place_in_the_fold(tmp_path):
    pairs = read_pairs(write(tmp_path, LFW))
    assert pairs.genuine_N.tolist() == [True, True, False, False] * 2
    assert pairs.folds_N.tolist() == [0] * 4 + [1] * 4
    assert pairs.num_folds == 2


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
    plain = read_pairs(write(tmp_path, LFW))
    other = read_pairs(write(tmp_path, text.encode()))
    assert (other.left, other.right) == (plain.left, plain.right)
    np.testing.assert_array_equal(other.folds_N, plain.folds_N)


def test_a_name_may_hold_spaces_between_tabs(tmp_path):
    pairs = read_pairs(write(tmp_path, ["2", "Ann Lee\t1\t2", "Bo\t1\t2", "Ann Lee\t1\tBo\t1", "Bo\t1\tCy\t1"]))
    assert pairs.left[0] == "Ann Lee/Ann Lee_0001.jpg"


def test_one_set_is_split_into_ten_folds_of_equal_shares(tmp_path):
    lines = ["20", *(f"Ann\t{n}\t{n + 1}" for n in range(1, 21)), *(f"Ann\t{n}\tBob\t{n}" for n in range(1, 21))]
    pairs = read_pairs(write(tmp_path, lines))
    assert pairs.num_folds == 10
    expected = np.repeat(np.arange(10), 2).tolist()
    assert pairs.folds_N[pairs.genuine_N].tolist() == expected
    assert pairs.folds_N[~pairs.genuine_N].tolist() == expected


def test_a_short_list_gets_as_many_folds_as_it_can_fill(tmp_path):
    assert read_pairs(write(tmp_path, CSV)).folds_N.tolist() == [0, 0, 1, 1]


def test_a_list_of_one_kind_can_still_be_read(tmp_path):
    assert read_pairs(write(tmp_path, CSV[:2])).num_folds == 1


def test_csv_rows_become_pairs(tmp_path):
    pairs = read_pairs(write(tmp_path, CSV))
    assert pairs.left == ("a/1.jpg", "a/1.jpg", "b/1.jpg", "b/2.jpg")
    assert pairs.right == ("a/2.jpg", "b/1.jpg", "b/2.jpg", "c/1.jpg")
    assert pairs.genuine_N.tolist() == [True, False, True, False]
    assert pairs.lines_N.tolist() == [2, 3, 4, 5]


def test_csv_may_say_the_folds(tmp_path):
    pairs = read_pairs(write(tmp_path, FOLDS))
    assert pairs.folds_N.tolist() == [2, 0, 1, 0]
    assert pairs.folds_N.dtype == np.int64
    assert pairs.num_folds == 3


def test_csv_may_hold_other_columns_in_any_order_and_quotes(tmp_path):
    pairs = read_pairs(write(tmp_path, ['"Mated",note,"ref","probe"', '1,x,"a/1, new.jpg",.\\a\\2.jpg'], end="\r\n"))
    assert (pairs.left, pairs.right) == (("a/1, new.jpg",), ("a/2.jpg",))


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
        ([*FOLDS, "a/1.jpg,a/2.jpg,1,1.0"], 6, "`fold` is '1.0'"),
        ([*FOLDS, "a/1.jpg,a/2.jpg,1,4"], 6, "`fold` is 4, but no pair is in fold 3"),
        ([FOLDS[0], "a/1.jpg,a/2.jpg,1,1"], 2, "`fold` is 1, but no pair is in fold 0"),
    ],
)
def test_a_damaged_file_is_refused_with_its_line(tmp_path, lines, line, what):
    path = write(tmp_path, lines)
    with pytest.raises(FembError, match=what) as refused:
        read_pairs(path)
    assert refused.value.message.startswith(f"{path}, line {line}: ")
    assert len(refused.value.message) < 300 + len(str(path))


def test_bytes_that_are_no_text_are_refused_with_their_line(tmp_path):
    with pytest.raises(FembError, match="line 2: not UTF-8"):
        read_pairs(write(tmp_path, b"1\t1\nAnn\xff\t1\t2\nAnn\t1\tBob\t1"))


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(FembError, match="cannot read the pair file"):
        read_pairs(tmp_path / "none.txt")


def test_names_are_unique_and_sorted(tmp_path):
    assert read_pairs(write(tmp_path, CSV)).names() == ["a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg", "c/1.jpg"]


@pytest.mark.parametrize("template", ["{}/{}.jpg", "lfw_aligned_112/{}/{}.jpg", "x\\y\\{}\\{}.PNG", "./{}/{}"])
def test_images_are_found_under_any_folder_and_with_any_ending(tmp_path, template):
    pairs = read_pairs(write(tmp_path, LFW))
    stems = [name.removesuffix(".jpg").split("/") for name in pairs.names()][::-1]
    names = ["Zoe/Zoe_0001.jpg", *(template.format(*stem) for stem in stems)]
    left, right = pairs.indices(names)
    assert [template.format(*name.removesuffix(".jpg").split("/")) for name in pairs.left] == [names[i] for i in left]
    assert [template.format(*name.removesuffix(".jpg").split("/")) for name in pairs.right] == [names[i] for i in right]
    assert left.dtype == right.dtype == np.int64


def test_a_full_stop_in_a_name_is_not_a_file_ending(tmp_path):
    pairs = read_pairs(write(tmp_path, ["1", "J._Fox\t1\t2", "J._Fox\t1\tAl\t1"]))
    left, right = pairs.indices(["J._Fox/J._Fox_0002", "J._Fox/J._Fox_0001", "Al/Al_0001"])
    assert (left.tolist(), right.tolist()) == ([1, 1], [0, 2])


def test_missing_images_are_named_and_counted(tmp_path):
    pairs = read_pairs(write(tmp_path, LFW))
    names = [name for name in pairs.names() if not name.startswith("Bob")]
    with pytest.raises(FembError, match=r"line 3: no image 'Bob/Bob_0003.jpg' \(4 of 10 images are missing\)"):
        pairs.indices(names)


@pytest.mark.parametrize("second", ["old/a/1.jpg", "a/1.png", "a/1.jpg"])
def test_two_images_for_one_name_are_ambiguous(tmp_path, second):
    pairs = read_pairs(write(tmp_path, CSV))
    with pytest.raises(FembError, match=r"line 2: cannot tell which image is 'a/1\.jpg'"):
        pairs.indices([*pairs.names(), second])


def test_longer_paths_are_told_apart_by_all_of_their_parts(tmp_path):
    pairs = read_pairs(write(tmp_path, [CSV[0], "x/day1/1.jpg,x/day2/1.jpg,1", "x/day1/1.jpg,y/day1/1.jpg,0"]))
    left, right = pairs.indices(["set/y/day1/1.png", "set/x/day1/1.png", "set/x/day2/1.png"])
    assert (left.tolist(), right.tolist()) == ([1, 1], [2, 0])


def test_two_names_never_stand_for_one_image(tmp_path):
    pairs = read_pairs(write(tmp_path, [CSV[0], "x/day1/1.jpg,x/day2/1.jpg,1", "x/day1/1.jpg,y/day1/1.jpg,0"]))
    with pytest.raises(FembError, match=r"cannot tell which image is 'x/day1/1\.jpg'"):
        pairs.indices(["x/day1/1.jpg", "x/day2/1.jpg"])


def test_images_named_without_a_folder_are_found(tmp_path):
    pairs = read_pairs(write(tmp_path, [CSV[0], "1.jpg,2.jpg,1", "1.jpg,3.jpg,0"]))
    left, right = pairs.indices(["faces/3.jpg", "faces/1.jpg", "faces/2.jpg"])
    assert (left.tolist(), right.tolist()) == ([1, 1], [2, 0])


def test_the_first_folds_are_longer_where_pairs_do_not_divide_evenly():
    assert contiguous_folds(7, 3).tolist() == [0, 0, 0, 1, 1, 2, 2]


def test_more_folds_than_pairs_are_refused():
    with pytest.raises(FembError, match="2 pairs cannot fill 10 folds"):
        contiguous_folds(2, 10)


def test_stratified_folds_cut_each_kind_in_its_order():
    assert stratified_folds([1, 0, 0, 1, 1, 0, 1], 2).tolist() == [0, 0, 0, 0, 1, 1, 1]


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


def test_the_two_column_lists_of_face_embeddings_have_no_header_and_no_flags(tmp_path):
    pairs = read_pairs(write(tmp_path, ["set/a/1.jpg;set/a/2.jpg", "set/a/1.jpg;set/b/1.jpg"]))
    assert (pairs.left, pairs.right) == (("set/a/1.jpg",) * 2, ("set/a/2.jpg", "set/b/1.jpg"))
    assert pairs.genuine_N.tolist() == [True, False]
    assert pairs.lines_N.tolist() == [1, 2]


def test_a_third_column_without_a_header_is_the_flag(tmp_path):
    pairs = read_pairs(write(tmp_path, ["1.jpg;2.jpg;1", "1.jpg; 3.jpg ;false"]))
    assert pairs.genuine_N.tolist() == [True, False]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_header_row_shows_what_separates_the_columns(tmp_path, delimiter):
    plain = read_pairs(write(tmp_path, CSV))
    other = read_pairs(write(tmp_path, [line.replace(",", delimiter) for line in CSV]))
    assert (other.left, other.right, other.lines_N.tolist()) == (plain.left, plain.right, plain.lines_N.tolist())


def test_further_columns_become_groups(tmp_path):
    lines = ["ref,probe,mated,Light,ref_sex,probe_sex,score"]
    lines += [f"a/1.jpg,b/{n}.jpg,0,{'day' if n % 2 else ''},{'f' if n < 20 else 'm'},m,0.{n:04d}" for n in range(40)]
    groups = read_pairs(write(tmp_path, lines)).groups
    assert groups == {"light": ("not stated", "day") * 20, "sex": ("f × m",) * 20 + ("m",) * 20}


def test_a_column_for_one_side_only_groups_the_pairs_by_that_side(tmp_path):
    lines = ["ref,probe,mated,probe_pose", "a/1,a/2,1,front", "a/1,b/1,0,side"]
    assert read_pairs(write(tmp_path, lines)).groups == {"probe_pose": ("front", "side")}


def test_the_images_values_join_to_the_group_of_the_pair(tmp_path):
    lines = ["ref,probe,mated,ref_sex,probe_sex", "a/1,a/2,1,f,f", "a/1,b/1,0,m,f", "a/1,c/1,0,f,m", "b/1,b/2,1,m,m"]
    assert read_pairs(write(tmp_path, lines)).groups == {"sex": ("f", "f × m", "f × m", "m")}


def test_stated_subjects_say_which_pairs_are_genuine(tmp_path):
    pairs = read_pairs(write(tmp_path, ["ref,probe,ref_subject,probe_subject", "1.jpg,2.jpg,Ann,Ann", "1,3,Ann,Bo"]))
    assert pairs.genuine_N.tolist() == [True, False]
    assert pairs.subjects() == (("Ann", "Ann"), ("Ann", "Bo"))


def test_subjects_are_the_folders_that_genuine_pairs_share_and_impostor_pairs_do_not(tmp_path):
    lines = [CSV[0], "set/a/day1/1.jpg,set/a/day2/1.jpg,1", "set/a/day1/1.jpg,set/b/day1/1.jpg,0"]
    assert read_pairs(write(tmp_path, lines)).subjects() == (("set/a", "set/a"), ("set/a", "set/b"))
    assert read_pairs(write(tmp_path, LFW)).subjects()[1][:4] == ("Ann", "Bob", "Bob", "Cy")


@pytest.mark.parametrize(
    "rows", [["1.jpg,2.jpg,1", "1.jpg,3.jpg,0"], ["all/1.jpg,all/2.jpg,1", "all/1.jpg,all/3.jpg,0"]]
)
def test_images_in_one_folder_do_not_tell_their_subjects(tmp_path, rows):
    assert read_pairs(write(tmp_path, [CSV[0], *rows])).subjects() is None


@pytest.mark.parametrize(
    ("lines", "line", "what"),
    [
        (["1.jpg;2.jpg"], 1, "'1.jpg' has no folder"),
        (["a/1.jpg;a/2.jpg", "a/1.jpg"], 2, "expected 2 columns, found 1"),
        (["ref;probe", "a/1.jpg;a/2.jpg"], 1, "no column `mated`"),
        (["ref,probe,mated,ref_subject", "1,2,1,Ann"], 1, "`ref_subject` without its counterpart"),
        (["ref,probe,ref_subject,probe_subject", "1,2,Ann,"], 2, "a subject is not stated"),
        (["ref,probe,mated,ref_subject,probe_subject", "1,2,1,Ann,Bo"], 2, "`mated` is 1, but .* Ann and Bo"),
    ],
)
def test_a_damaged_table_is_refused_with_its_line(tmp_path, lines, line, what):
    path = write(tmp_path, lines)
    with pytest.raises(FembError, match=what) as refused:
        read_pairs(path)
    assert refused.value.message.startswith(f"{path}, line {line}: ")


def test_official_lists_tell_their_subjects(shared):
    left, right = read_pairs(shared / "data" / "protocols" / "xqlfw_pairs.txt").subjects()
    assert (left[0], right[0]) == ("Marcelo_Ebrard", "Marcelo_Ebrard")
