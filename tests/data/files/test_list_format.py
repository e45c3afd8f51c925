"""The format of a list is recognised by its first lines."""

from pathlib import Path

import pytest

from femb_cli.data.files.list_format import check_header, recognise, split_line
from femb_cli.data.read_as import ReadAs
from femb_cli.errors import FembError

LIST = Path("faces.txt")


@pytest.mark.parametrize(
    ("lines", "description", "path", "people"),
    [
        (["a b.jpg 0 7 0"], "'path 0 identity 0'", 0, (1,)),
        (["a b.jpg Ada"], "'path identity'", 0, (1,)),
        (["7 a b.jpg"], "'identity path'", 1, (0,)),
        (["Ada a.jpg", "Bob b.jpg"], "'identity path'", 1, (0,)),
        (["image person", "a.jpg Ada"], "'path identity'", 0, (1,)),
        (["1\ta.jpg\t7"], "3 columns separated by tabs", 1, (2, 0)),
        (["12\t7.000\ta.jpg"], "3 columns separated by tabs", 2, (1,)),
        (["12\t7.0\t0.5\ta.jpg"], "4 columns separated by tabs", 3, (1,)),
        (["a.jpg,Ada,30"], "3 columns separated by commas", 0, (1,)),
        (["Ada,a.jpg,30"], "3 columns separated by commas", 1, (0, 2)),
        (["7;a.jpg"], "2 columns separated by semicolons", 1, (0,)),
        (["age,Person,File,"], "4 columns separated by commas", 2, (1,)),
        (["id,label", "a.jpg,Ada"], "2 columns separated by commas", 0, (1,)),
        (["image,name", "a.jpg,Ada"], "2 columns separated by commas", 0, (1,)),
        (["name,label", "a.jpg,Ada"], "2 columns separated by commas", 0, (1,)),
        (["thing;who", "a.jpg;Ada"], "2 columns separated by semicolons", 0, ()),
        (['"Ada"\t"a.jpg"'], "2 columns separated by tabs", 1, (0,)),
        (['"path","label"', '"1","a.jpg","Ada"'], "3 columns separated by commas", 1, (2,)),
        (['{"label": 7, "file_name": "a.jpg"}'], "a JSON object", 1, (0,)),
    ],
)
def test_the_first_lines_tell_the_format(lines, description, path, people):
    found = recognise(lines)
    assert (found.description, found.path, found.people) == (description, path, people)


@pytest.mark.parametrize(
    "lines",
    [
        *([""], ["a.jpg"], ["prose without an image"], ["a.jpg b.jpg 1"], ["path,age"], ["a.jpg,b.jpg,1"]),
        *(["I like a.jpg"], ["image1,image2,label", "a.jpg,b.jpg,1"], ['{"a": 1}'], ["[1, 2]"]),
    ],
)
def test_other_lines_have_no_known_format(lines):
    assert recognise(lines) is None


def test_of_two_columns_of_paths_the_one_whose_images_exist_is_taken():
    lines = ["original,crop,person", "o/1.jpg,c/1.jpg,Ada"]
    assert recognise(lines) is None
    assert recognise(lines, exists=lambda cell: cell.startswith("c/")).path == 1
    assert recognise(lines, read_as=ReadAs(image_column="original")).path == 0


def test_the_user_names_the_column_of_people():
    lines = ["path,who,label", "a.jpg,Ada,1"]
    assert recognise(lines, read_as=ReadAs(label="who")).people == (1,)
    assert recognise(["a.jpg,1,Ada"], read_as=ReadAs(label="column_3")).people == (2,)
    with pytest.raises(FembError, match="no column 'what'; its columns are path, who, label"):
        recognise(lines, read_as=ReadAs(label="what"))


def test_cells_that_are_missing_or_empty_at_the_end_are_no_fault_and_others_are():
    table = recognise(["path,person,age", "a.jpg,Ada,30"])
    assert split_line(2, "a.jpg,Ada", table, LIST) == ["a.jpg", "Ada", ""]
    assert split_line(2, "a.jpg,Ada,30,,", table, LIST) == ["a.jpg", "Ada", "30"]
    with pytest.raises(FembError, match=r"line 2 of faces\.txt is not 3 columns"):
        split_line(2, "a.jpg,Ada,30,x", table, LIST)
    with pytest.raises(FembError, match=r"line 2 of faces\.txt lacks a path or an identity"):
        split_line(2, "a.jpg", table, LIST)


def test_json_lines_may_leave_values_out_but_not_add_some():
    table = recognise(['{"file_name": "a.jpg", "label": "Ada", "age": 30}'])
    assert split_line(2, '{"label": "Bob", "file_name": "b.jpg"}', table, LIST) == ["b.jpg", "Bob", ""]
    half = r'{"file_name": "c.jpg", "label": "\ud800"}'
    for line in ('{"file_name": "c.jpg", "label": "Cy", "size": 3}', "c.jpg", '{"file_name": "c.jpg"', half):
        with pytest.raises(FembError, match="line 2 .* is not a JSON object like the first line"):
            split_line(2, line, table, LIST)


def test_a_header_with_a_name_twice_is_refused():
    check_header(["age", "sex"], LIST)
    with pytest.raises(FembError, match=r"two columns of faces\.txt are named 'age'"):
        check_header(["age", "age"], LIST)
