"""Images named by a list file."""

import contextlib
import hashlib
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import encode
from properties import quick, temporary_folder

from femb_cli.data.files import list_file
from femb_cli.data.files.list_file import ListFileSource, is_list_file
from femb_cli.data.read_as import ReadAs
from femb_cli.data.source import lacks_identities
from femb_cli.errors import FembError

GOLDEN_FORMS = ["im2rec.lst", "insightface.lst", "magface.list", "magface_tabs.list", "magface_two_columns.list"]
GOLDEN_ODDITIES = ["blank_lines", "crlf", "no_final_newline", "path_twice", "root", "space_in_path"]
GOLDEN_FAULTS = ["bad_identity", "empty", "missing_file", "negative_identity"]


def write(folder: Path, text: str | bytes, name: str = "faces.txt") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder / name


def who_is_on_what(source: ListFileSource) -> dict[str, str]:
    names = [source.identities.names[label] for label in source.identities.labels_N]
    return dict(zip(source.names, names, strict=True))


@pytest.mark.parametrize(
    "text",
    [
        "b/1.jpg 0 10 0\na/1.jpg 0 9 0\n",
        "b/1.jpg\t0\t10\t0\na/1.jpg\t0\t9\t0\n",
        "b/1.jpg 10\na/1.jpg 9\n",
        "b/1.jpg\t10\na/1.jpg\t9\n",
        "b/1.jpg,10\na/1.jpg,9\n",
        "1\tb/1.jpg\t10\n1\ta/1.jpg\t9\n",
        "0\t10.000000\tb/1.jpg\n1\t9.000000\ta/1.jpg\n",
        "0\t10.000000\t0.5\tb/1.jpg\n1\t9.000000\t0.25\ta/1.jpg\n",
        "path,identity\nb/1.jpg,10\na/1.jpg,9\n",
        "Label\tImage\n10\tb/1.jpg\n9\ta/1.jpg\n",
        "id,name,file,label\nx,y,b/1.jpg,10\nx,y,a/1.jpg,9\n",
        "b/1.jpg 10\na/1.jpg 9",
        "\n\r\nb/1.jpg 10\r\n \r\na/1.jpg 9\r\n",
        "\ufeffb/1.jpg 10\na/1.jpg 9\n",
        "b/1.jpg 0010\na/1.jpg 09\n",
    ],
)
def test_every_format_is_recognised_by_its_content(tmp_path, text):
    path = write(tmp_path, text)
    source = ListFileSource(path)
    assert is_list_file(path)
    assert who_is_on_what(source) == {"b/1.jpg": "10", "a/1.jpg": "9"}
    assert source.identities.names == ["9", "10"]
    assert source.identities.labels_N.tolist() == [1, 0]


@pytest.mark.parametrize("text", ["x/1.jpg n10\ny/1.jpg n9\n", "x/1.jpg\tn10\ny/1.jpg\tn9\n"])
def test_identities_that_are_names_are_sorted_by_code_point(tmp_path, text):
    assert ListFileSource(write(tmp_path, text)).identities.names == ["n10", "n9"]


def test_a_path_may_hold_spaces_and_commas(tmp_path):
    text = "one day, early/1.jpg 3\ntwo days/2.jpg 4\n"
    assert who_is_on_what(ListFileSource(write(tmp_path, text))) == {
        "one day, early/1.jpg": "3",
        "two days/2.jpg": "4",
    }


def test_between_tabs_a_name_may_hold_spaces_and_in_csv_quotes_hold_commas(tmp_path):
    tabs = write(tmp_path, "1.jpg\tAda King\n", "a.tsv")
    commas = write(tmp_path, 'path,person\n"a, b.jpg","King, Ada"\n', "a.csv")
    assert who_is_on_what(ListFileSource(tabs)) == {"1.jpg": "Ada King"}
    assert who_is_on_what(ListFileSource(commas)) == {"a, b.jpg": "King, Ada"}


def test_extra_columns_keep_their_names_and_are_numbers_where_all_cells_are(tmp_path):
    text = "path,identity,age,quality,code,note,\n1.jpg,a,20,0.5,0x1F,,7\n2.jpg,b,30,1,0x2F,hat,8\n"
    extra = ListFileSource(write(tmp_path, text)).extra(np.array([1, 0]))
    assert extra.to_pydict() == {
        "age": [30, 20],
        "quality": [1.0, 0.5],
        "code": ["0x2F", "0x1F"],
        "note": ["hat", ""],
        "column_7": [8, 7],
    }


@pytest.mark.parametrize("text", ["1.jpg\ta\t20\tx\n", "1.jpg,a,20,x\n"])
def test_extra_columns_without_a_header_are_numbered(tmp_path, text):
    assert ListFileSource(write(tmp_path, text)).extra(np.array([0])).to_pydict() == {
        "column_3": [20],
        "column_4": ["x"],
    }


def test_an_extra_column_may_have_the_name_of_a_path_column(tmp_path):
    source = ListFileSource(write(tmp_path, "path,identity,name,line\n1.jpg,a,Ada,9\n"))
    assert source.extra(np.array([0])).to_pydict() == {"name": ["Ada"], "line": [9]}


def test_a_list_of_paths_and_identities_alone_has_no_extra_columns(tmp_path):
    assert ListFileSource(write(tmp_path, "1.jpg 0 9 0\n")).extra(np.array([0])) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("\n\n", "empty"),
        ("path,identity\n", "nothing below"),
        ("path,identity,x,x\n1.jpg,1,2,3\n", "'x'"),
        ("\n1.jpg 0 one 0\n", "line 2 .*'one'"),
        ("1.jpg 0 1 0\n\n2.jpg 0 -1 0\n", "line 3 .*'-1'"),
        ("1.jpg -1\n", "line 1 .*'-1'"),
        ("1.jpg 1\n2.jpg one\n", "line 2 .*'one'"),
        ("1.jpg 1\n2.jpg 123456789012345678901\n", "line 2 .*'123456789012345678901'"),
        ("0\t1.5\t1.jpg\n", "line 1 .*'1.5'"),
        ("1.jpg 0 1 0\n2.jpg 1\n", "line 2 .*'2.jpg 1'"),
        ("path,identity\n1.jpg,1\n2.jpg,1,3\n", "line 3 .*'2.jpg,1,3'"),
        ("path,identity\n1.jpg,a\n,b\n", "line 3 .*',b'"),
        ("1.jpg\n", "line 1 .*'1.jpg'"),
        ("some prose\n", "line 1 .*'some prose'"),
        (b"1.jpg 1\n\xe9.jpg 2\n", "line 2 .*UTF-8"),
        ("path,identity\n1.jpg,a\n2.jpg\r,b\n", "line 3 .*2 columns separated by commas"),
        (f"1.jpg,a\n{'x' * 200_000}.jpg,b\n", "line 2 .*2 columns separated by commas"),
        (f"{'x' * 200_000}\n", "line 1 "),
        ("1.jpg 1\n2\x07.jpg 2\n", r"line 2 .*"),
    ],
)
def test_what_is_wrong_is_named_by_file_line_and_text(tmp_path, text, message):
    with pytest.raises(FembError, match=message) as error:
        ListFileSource(write(tmp_path, text))
    assert "faces.txt" in str(error.value)


def test_a_list_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FembError, match=r"none\.list"):
        ListFileSource(tmp_path / "none.list")


def test_a_path_twice_with_one_identity_is_kept_once_with_a_warning(tmp_path):
    path = write(tmp_path, "1.jpg,b,7\n2.jpg,a,8\n1.jpg,b,9\n2.jpg,a,9\n")
    with pytest.warns(UserWarning, match=r"left out: 2, the first is line 3 with '1\.jpg'") as caught:
        source = ListFileSource(path)
    assert caught[0].filename == __file__
    assert who_is_on_what(source) == {"1.jpg": "b", "2.jpg": "a"}
    assert source.extra(np.arange(2)).to_pydict() == {"column_3": [7, 8]}


def test_a_path_twice_with_different_identities_is_refused_with_both_lines(tmp_path):
    with pytest.raises(FembError, match=r"'1\.jpg' the identity 4 in line 1 and 5 in line 4"):
        ListFileSource(write(tmp_path, "1.jpg 4\n\n2.jpg 5\n1.jpg 5\n"))


def test_paths_start_from_the_given_root(tmp_path):
    write(tmp_path / "lists", b"wrong", "1.jpg")
    write(tmp_path / "images", b"right", "1.jpg")
    source = ListFileSource(write(tmp_path / "lists", "1.jpg 1\n"), root=tmp_path / "images")
    assert source.read(0) == b"right"


def test_paths_start_from_the_only_folder_beside_the_list_that_has_the_first(tmp_path):
    write(tmp_path / "images", b"found", "1.jpg")
    (tmp_path / "empty").mkdir()
    path = write(tmp_path, "1.jpg 1\n")
    assert ListFileSource(path).read(0) == b"found"
    write(tmp_path / "other", b"which?", "1.jpg")
    with pytest.raises(FembError):
        ListFileSource(path).read(0)


def test_an_image_that_is_not_there_is_named_with_its_line_when_read(tmp_path):
    write(tmp_path, b"there", "1.jpg")
    source = ListFileSource(write(tmp_path, "\n1.jpg 1\n\n2.jpg 1\n"))
    assert source.read(0) == b"there"
    with pytest.raises(FembError, match=r"line 4 of .*faces\.txt.*2\.jpg") as error:
        source.read(1)
    assert "--images" in error.value.hint


def test_absolute_and_climbing_paths_are_named_below_the_folder_that_holds_them(tmp_path):
    for name in ("a/1.jpg", "b/2.jpg"):
        write((tmp_path / "images" / name).parent, name, Path(name).name)
    text = f"{tmp_path}/images/b/2.jpg 2\n../images/a/1.jpg 1\n"
    source = ListFileSource(write(tmp_path / "lists", text))
    assert list(source.names) == ["b/2.jpg", "a/1.jpg"]
    assert [source.read(index) for index in range(2)] == [b"b/2.jpg", b"a/1.jpg"]


def test_one_file_in_two_spellings_is_one_image(tmp_path):
    with pytest.warns(UserWarning, match="left out: 1"):
        source = ListFileSource(write(tmp_path, "x/../1.jpg 1\n1.jpg 1\n2.jpg 1\n"))
    assert list(source.names) == ["1.jpg", "2.jpg"]


def test_a_pickled_source_reads_the_same(tmp_path):
    write(tmp_path / "images", b"one", "1.jpg")
    source = ListFileSource(write(tmp_path, "1.jpg Ada\n"), root=tmp_path / "images")
    copy = pickle.loads(pickle.dumps(source))
    assert who_is_on_what(copy) == {"1.jpg": "Ada"}
    assert copy.read(0) == b"one"


def test_lines_beyond_one_block_are_numbered_on(tmp_path, monkeypatch):
    monkeypatch.setattr(list_file, "_BLOCK_LINES", 600)
    lines = [f"{row}.jpg {row % 7}\n" for row in range(700)]
    path = write(tmp_path, "".join(lines))
    source = ListFileSource(path)
    assert (len(source), source.names[699]) == (700, "699.jpg")
    assert source.identities.labels_N.tolist() == [row % 7 for row in range(700)]
    with pytest.raises(FembError, match="line 701 "):
        ListFileSource(write(tmp_path, "".join([*lines, "x.jpg x\n"])))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        b"prose without an image\n",
        b"Ada\t1\t2\n",
        b"a.jpg b.jpg 1\n",
        b"a.jpg,b.jpg,1\n",
        b"\xff\xd8\xff\xe0 1.jpg 1\n",
        b"\0\0\0 1.jpg 1\n",
        bytes(range(256)) * 1000,
        "1.jpg 1\n".encode("utf-16"),
    ],
)
def test_other_files_are_no_lists(tmp_path, content):
    assert not is_list_file(write(tmp_path, content))


def test_a_folder_and_nothing_are_no_lists(tmp_path):
    assert not is_list_file(tmp_path)
    assert not is_list_file(tmp_path / "none")


def golden(shared: Path) -> dict[str, dict]:
    lists = json.loads((shared / "golden/formats/lists/expected.json").read_text())["lists"]
    return {entry["file"]: entry for entry in lists}


@pytest.mark.parametrize("name", [*GOLDEN_FORMS, *(f"magface_{oddity}.list" for oddity in GOLDEN_ODDITIES)])
@pytest.mark.filterwarnings("ignore:.*repeats images")
def test_valid_golden_lists_name_the_expected_images_and_identities(shared, name):
    path = shared / "golden/formats/lists" / name
    source = ListFileSource(path)
    found = [
        (hashlib.sha256(source.read(index)).hexdigest(), identity)
        for index, identity in enumerate(who_is_on_what(source).values())
    ]
    images = [(image["sha256"], str(image["identity"])) for image in golden(shared)[name]["images"]]
    assert found == list(dict.fromkeys(images))
    assert is_list_file(path)


@pytest.mark.parametrize("fault", GOLDEN_FAULTS)
def test_faulty_golden_lists_are_refused_with_the_line(shared, fault):
    name = f"magface_{fault}.list"
    bad_line = golden(shared)[name].get("bad_line")
    with pytest.raises(FembError, match=f"line {bad_line} of .*{name}" if bad_line else f"{name} is empty"):
        source = ListFileSource(shared / "golden/formats/lists" / name)
        [source.read(index) for index in range(len(source))]


def test_every_golden_list_is_read_above(shared):
    magface = [f"magface_{name}.list" for name in (*GOLDEN_ODDITIES, *GOLDEN_FAULTS)]
    assert sorted(golden(shared)) == sorted([*GOLDEN_FORMS, *magface])


words = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters=",\"'/."), min_size=1, max_size=8)


@quick
@given(st.dictionaries(words, st.integers(0, 10**18 - 1), min_size=1, max_size=8), st.sampled_from([" ", "\t", ","]))
def test_any_list_is_read_back(lines, separator):
    text = "".join(f"{name}.jpg{separator}{identity}\n" for name, identity in lines.items())
    with temporary_folder() as path:
        (path / "faces.txt").write_text(text, encoding="utf-8")
        source = ListFileSource(path / "faces.txt")
    identities = source.identities
    assert list(source.names) == [f"{name}.jpg" for name in lines]
    assert [identities.names[label] for label in identities.labels_N] == list(map(str, lines.values()))
    assert identities.names == [str(number) for number in sorted(set(lines.values()))]


@quick
@given(st.binary(max_size=40), st.integers(0, 60), st.binary(max_size=4))
def test_a_damaged_list_is_refused_or_read(noise, position, more):
    text = b"".join(b"%d/%d.jpg %d\n" % (row % 2, row, row % 2) for row in range(6))
    for content in (noise, text[:position] + more + text[position + len(more) :], text[:position]):
        with temporary_folder() as path:
            (path / "faces.txt").write_bytes(content)
            is_list_file(path / "faces.txt")
            with contextlib.suppress(FembError):
                source = ListFileSource(path / "faces.txt")
                assert len(source.names) == len(source.identities.labels_N) > 0


COMPOSED, DECOMPOSED = "Zo\u00eb/\u00e9.jpg", "Zoe\u0308/e\u0301.jpg"


@pytest.mark.parametrize(("stored", "written"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
@pytest.mark.parametrize("folder", ["", "images"])
def test_a_file_in_another_unicode_form_is_found(tmp_path, stored, written, folder):
    image = tmp_path / folder / stored
    write(image.parent, b"found", image.name)
    source = ListFileSource(write(tmp_path, f"{written} 1\n"))
    assert source.read(0) == b"found"
    assert Path(source.file(0)).samefile(image)
    assert list(source.names) == [written]


def test_names_in_two_forms_are_two_images_that_are_never_mixed(tmp_path):
    image = tmp_path / COMPOSED
    write(image.parent, b"composed", image.name)
    source = ListFileSource(write(tmp_path, f"{COMPOSED} 1\n{DECOMPOSED} 2\n"))
    assert source.read(0) == b"composed"
    with pytest.raises(FembError, match="line 2 "):
        source.read(1)


@pytest.mark.parametrize("name", ["a/1.pgm", "a/1.jfif", "a/1.HEIC", "a/1.gif", "a/1.avif"])
def test_a_list_may_name_images_of_any_format(tmp_path, name):
    assert who_is_on_what(ListFileSource(write(tmp_path, f"{name} 7\n"))) == {name: "7"}


@pytest.mark.parametrize("line", ["a/my face 7", "a/my face\t7", "0\t7\ta/my face", "a/my face,7,x", "a/my face 0 7 0"])
def test_a_list_may_name_images_without_an_ending_that_are_there(tmp_path, line):
    write(tmp_path / "images" / "a", encode(1), "my face")
    path = write(tmp_path / "lists", line + "\n")
    assert not is_list_file(path)
    assert is_list_file(path, tmp_path / "images")
    assert who_is_on_what(ListFileSource(path, tmp_path / "images")) == {"a/my face": "7"}
    write(tmp_path / "images" / "a", b"text", "my face")
    assert not is_list_file(path, tmp_path / "images")


@pytest.mark.parametrize(
    ("written", "stored", "guess"),
    [
        ("faces\\{}.jpg", "faces/{}.jpg", ""),
        ("C:\\data\\faces\\{}.jpg", "faces/{}.jpg", "paths are read without 'C:/data/' at their beginning"),
        ("/home/ada/ms1m/{}.jpg", "{}.jpg", "paths are read without '/home/ada/ms1m/' at their beginning"),
        ("{}", "{}.png", "paths are read with '.png' at their end"),
    ],
)
def test_paths_written_for_another_place_are_found_and_a_change_of_them_is_said(tmp_path, written, stored, guess):
    for number in range(2):
        (tmp_path / stored.format(number)).parent.mkdir(exist_ok=True)
        (tmp_path / stored.format(number)).write_bytes(encode(number))
    lines = "".join(f"{written.format(number)},{number}\n" for number in range(2))
    source = ListFileSource(write(tmp_path, f"id,label\n{lines}"))
    assert who_is_on_what(source) == {stored.format(number): str(number) for number in range(2)}
    assert [source.read(number) for number in range(2)] == [encode(0), encode(1)]
    assert source.found.guess.startswith(guess)
    assert bool(source.found.guess) == bool(guess)


def test_comments_are_left_out_and_a_file_may_start_as_one(tmp_path):
    text = "# faces of 2020\n#by Ada\n1.jpg ada\n# more\n#2.jpg bob\n"
    assert who_is_on_what(ListFileSource(write(tmp_path, text))) == {"1.jpg": "ada", "#2.jpg": "bob"}


def test_a_list_without_people_has_images_and_names_its_columns_where_people_are_needed(tmp_path):
    source = ListFileSource(write(tmp_path, "path,quality\n1.jpg,3\n"))
    assert (list(source.names), source.identities) == (["1.jpg"], None)
    assert source.extra(np.array([0])).to_pydict() == {"quality": [3]}
    assert "its columns are path, quality" in lacks_identities(source).message
    assert ListFileSource(source.path, read_as=ReadAs(label="quality")).identities.names == ["3"]
