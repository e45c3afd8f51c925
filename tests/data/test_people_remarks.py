"""What a user is told about the people of a source."""

import numpy as np
import pytest
from parquets import images, write
from pictures import people

from femb_cli.data.files.folder import FolderSource
from femb_cli.data.huggingface.parquet import ParquetSource
from femb_cli.data.people_remarks import doubt_of, guess_of
from femb_cli.data.selected_rows import SelectedRows


@pytest.mark.parametrize(
    ("counts", "doubt"),
    [
        ({"ada": 1, "bob": 1}, "each of the 2 images has a person of its own: --person-folder N"),
        ({"photos": 3}, "all 3 images are of one person, 'photos': --person-folder N"),
        ({"ada": 2, "bob": 1}, ""),
        ({"ada": 1}, ""),
    ],
)
def test_one_person_for_each_image_or_for_all_is_doubted(tmp_path, counts, doubt):
    assert doubt_of(FolderSource(people(tmp_path, counts))).startswith(doubt or "")
    assert bool(doubt_of(FolderSource(tmp_path))) == bool(doubt)


def test_the_doubt_about_a_table_names_its_columns_and_the_option(tmp_path):
    source = ParquetSource(
        write(tmp_path / "a.parquet", {"image": images(range(3)), "id": [1, 2, 3], "who": list("aab")})
    )
    assert "--label COLUMN" in doubt_of(source)
    assert "who (string)" in doubt_of(source)


def test_a_guess_is_said_of_the_rows_of_a_source_too(tmp_path):
    table = {"image": images(range(4)), "id": list(range(4)), "name": list("aabb")}
    source = ParquetSource(write(tmp_path / "a.parquet", table))
    assert "--label id" in guess_of(source)
    assert source.identities.names == ["a", "b"]
    assert guess_of(SelectedRows(source, np.arange(2))) == ""
