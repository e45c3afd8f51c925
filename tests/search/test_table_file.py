"""Tables in files."""

import csv
import json

from femb_cli.search.table_file import write_table_file

ROWS = [("a, with a comma.jpg", 1), ("ü.jpg", 2)]


def test_a_csv_file_gives_the_rows_back(tmp_path):
    write_table_file(tmp_path / "t.csv", None, ("name", "group"), ROWS)
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        assert [*csv.reader(file)] == [["name", "group"], ["a, with a comma.jpg", "1"], ["ü.jpg", "2"]]


def test_a_json_file_holds_the_document(tmp_path):
    write_table_file(tmp_path / "t.json", {"groups": [1]}, (), ROWS)
    assert json.loads((tmp_path / "t.json").read_text()) == {"groups": [1]}
