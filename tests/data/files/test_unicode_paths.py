"""Files are found by paths in any Unicode form."""

import unicodedata
from pathlib import Path

import pytest

from femb_cli.data.files.unicode_paths import UnicodePaths

COMPOSED = "Zo\u00eb/caf\u00e9.jpg"
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)


def make(root: Path, name: str) -> Path:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(name)
    return root


@pytest.mark.parametrize(("stored", "written"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
def test_a_file_is_found_in_its_other_form(tmp_path, stored, written):
    found = UnicodePaths(make(tmp_path, stored)).find(written)
    assert Path(found).read_text() == stored
    assert Path(UnicodePaths(Path("/")).find(str(tmp_path / written))).read_text() == stored


def test_parts_of_a_path_may_have_different_forms(tmp_path):
    folder, file = COMPOSED.split("/")[0], DECOMPOSED.split("/")[1]
    make(tmp_path, f"{folder}/{file}")
    assert (
        UnicodePaths(tmp_path).find(COMPOSED)
        == UnicodePaths(tmp_path).find(DECOMPOSED)
        == f"{tmp_path}/{folder}/{file}"
    )


def test_a_file_is_taken_as_written_where_it_exists_or_no_form_does(tmp_path):
    make(make(tmp_path, COMPOSED), DECOMPOSED)
    for name in (COMPOSED, DECOMPOSED, "Zo\u00eb/other.jpg", "none/caf\u00e9.jpg", "a.jpg"):
        assert UnicodePaths(tmp_path).find(name) == f"{tmp_path}/{name}"
