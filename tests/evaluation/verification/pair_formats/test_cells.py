"""The cells of tables: Arrow's reader and the one that reads line by line give the same columns."""

import numpy as np
import pytest
from pair_files import write_pair_file

from femb_cli.errors import FembError
from femb_cli.evaluation.verification.pair_formats import cells, text_file
from femb_cli.evaluation.verification.pair_formats.cells import read_cells
from femb_cli.evaluation.verification.pair_formats.layout import TableLayout
from femb_cli.evaluation.verification.pair_formats.text_file import TextFile

LAYOUT = TableLayout(",", ("ref", "probe", "note"), 1, {"ref": 0, "probe": 1})
HEADER = "ref,probe,note\n"


def read(path, *, is_long):
    return read_cells(TextFile.scan(path), LAYOUT, [(0, 1)], most_values=3, is_long=is_long)


@pytest.mark.parametrize(
    "text",
    [
        "a,b,x\nb,c,y\n",
        "\ufeffa , b,\r\nb,\u00e9,\u3000y",
        "a,b,1\nb,a,2\na,c,3\na,d,4\n",
        'a,"b,c",x\nd,e,y\n',
        "a,b,x\nb,c,y\n \n\n",
        "a,b,x\nb,c\0,\n",
    ],
    ids=["plain", "spaces", "a long note", "quotes", "blank lines at the end", "a null"],
)
def test_long_tables_are_read_as_short_ones(tmp_path, monkeypatch, text):
    monkeypatch.setattr(text_file, "_BLOCK_BYTES", 12)
    path = write_pair_file(tmp_path, (HEADER + text).encode())
    short, long = (read(path, is_long=is_long) for is_long in (False, True))
    np.testing.assert_array_equal(short.lines_N, long.lines_N)
    assert short.columns == long.columns
    assert short.columns[0].values is short.columns[1].values


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a,b,x\na,b\n", 3, "expected 3 columns, found 2"),
        ("a,b,x\n\na,b,x\n", 3, "expected 3 columns, found 0"),
        ("a,b,x\nb,c\rd,y\n", 3, "not CSV: new-line"),
        (f"a,b,x\n{'a' * 200_000},b,x\n", 3, "not CSV: field larger"),
    ],
)
def test_a_damaged_line_of_a_long_table_is_named(tmp_path, text, line, what):
    path = write_pair_file(tmp_path, (HEADER + text).encode())
    with pytest.raises(FembError, match=f"line {line}: {what}"):
        read(path, is_long=True)
    with pytest.raises(FembError, match=f"line {line}: {what}"):
        read(path, is_long=False)


def test_a_plain_long_table_is_read_by_arrow(tmp_path, monkeypatch):
    monkeypatch.delattr(cells, "_rows")
    path = write_pair_file(tmp_path, (HEADER + "a,b,x\nb,c,y\n").encode())
    assert read(path, is_long=True).columns[1] == ("b", "c")


def test_notes_with_many_values_are_dropped(tmp_path):
    rows = "".join(f"a,b,{number}\n" for number in range(4))
    assert set(read(write_pair_file(tmp_path, (HEADER + rows).encode()), is_long=False).columns) == {0, 1}
