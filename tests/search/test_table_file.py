"""Tables in files."""

import csv
import json

import pytest

from femb_cli.errors import FembError, UsageError
from femb_cli.search.table_file import check_table_file, write_table_file

ROWS = [("a, with a comma.jpg", 1), ("ü.jpg", 2)]


def test_a_csv_file_gives_the_rows_back(tmp_path):
    write_table_file(tmp_path / "t.csv", None, ("name", "group"), ROWS)
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        assert [*csv.reader(file)] == [["name", "group"], ["a, with a comma.jpg", "1"], ["ü.jpg", "2"]]


def test_a_json_file_holds_the_document(tmp_path):
    write_table_file(tmp_path / "t.json", {"groups": [1]}, (), ROWS)
    assert json.loads((tmp_path / "t.json").read_text()) == {"groups": [1]}


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"its name must end in .csv or .json"):
        check_table_file(tmp_path / "t.txt", overwrite=False)


def test_an_existing_file_is_refused(tmp_path):
    (tmp_path / "t.csv").touch()
    with pytest.raises(FembError, match="exists already"):
        check_table_file(tmp_path / "t.csv", overwrite=False)
    check_table_file(tmp_path / "t.csv", overwrite=True)
