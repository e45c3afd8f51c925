"""The format of a list is recognised by its first line."""

from pathlib import Path

import pytest

from femb_cli.data.files.list_format import check_header, recognise, split_line, with_identity_kind
from femb_cli.errors import FembError

LIST = Path("faces.txt")


@pytest.mark.parametrize(
    ("line", "description", "path", "identity", "extra"),
    [
        ("a b.jpg 0 7 0", "'path 0 identity 0'", 0, 1, {}),
        ("a b.jpg Ada", "'path identity'", 0, 1, {}),
        ("1\ta.jpg\t7", "3 columns separated by tabs", 1, 2, {}),
        ("12\t7.000\ta.jpg", "3 columns separated by tabs", 2, 1, {}),
        ("12\t7.0\t0.5\ta.jpg", "4 columns separated by tabs", 3, 1, {2: "column_3"}),
        ("a.jpg,Ada,30", "3 columns separated by commas", 0, 1, {2: "column_3"}),
        ("age,Person,File,", "4 columns separated by commas", 2, 1, {0: "age", 3: "column_4"}),
    ],
)
def test_the_first_line_tells_the_format(line, description, path, identity, extra):
    found = recognise(line)
    assert (found.description, found.path, found.identity, found.extra) == (description, path, identity, extra)


@pytest.mark.parametrize("line", ["", "a.jpg", "prose without an image", "a.jpg b.jpg 1", "path,age", "a.jpg,b.jpg,1"])
def test_other_lines_have_no_known_format(line):
    assert recognise(line) is None


def test_a_number_as_the_first_identity_makes_all_numbers():
    pair = recognise("a.jpg 7")
    numbered = with_identity_kind(pair, "7")
    assert split_line(2, "b.jpg Ada", with_identity_kind(pair, "Ada"), LIST) == ("b.jpg", "Ada")
    with pytest.raises(FembError, match="line 2 of faces.txt has the identity 'Ada'"):
        split_line(2, "b.jpg Ada", numbered, LIST)


def test_a_header_with_a_name_twice_is_refused():
    check_header(recognise("path,identity,age,sex"), LIST)
    with pytest.raises(FembError, match="two columns of faces.txt are named 'age'"):
        check_header(recognise("path,identity,age,age"), LIST)
