"""The README of a training set: the Hub reads its front matter."""

import pytest
import yaml
from pictures import people

from femb_cli.data.conversion.convert import convert
from femb_cli.data.dataset_info import read_dataset_info
from femb_cli.data.files.folder import FolderSource
from femb_cli.data.files.list_file import ListFileSource

COUNTS = {"zoë": 3, "adam": 2, "eve": 4}
FORMATS = ("arrow", "parquet")


@pytest.fixture
def faces(tmp_path) -> FolderSource:
    return FolderSource(people(tmp_path / "faces", COUNTS))


@pytest.fixture
def table_of_faces(faces, tmp_path) -> ListFileSource:
    """A list with extra columns."""
    rows = [f"{name},{name.split('/')[0]},{number},{'ÄB'[number % 2]}\n" for number, name in enumerate(faces.names)]
    (tmp_path / "faces.csv").write_text("path,identity,age,ethnicity\n" + "".join(rows), encoding="utf-8")
    return ListFileSource(tmp_path / "faces.csv", faces.path)


@pytest.mark.parametrize("format", FORMATS)
def test_the_card_is_one_that_the_hub_reads(table_of_faces, tmp_path, format):
    from huggingface_hub import DatasetCard

    convert(table_of_faces, tmp_path / "set", format=format)
    text = (tmp_path / "set" / "README.md").read_text(encoding="utf-8")
    front_matter = yaml.safe_load(text.split("---\n")[1])
    assert front_matter["size_categories"] == ["n<1K"]
    card = DatasetCard(text)
    assert card.data.to_dict() == front_matter
    assert card.data.pretty_name == "set"
    assert ("configs" in front_matter) == (format == "parquet")
    assert read_dataset_info(tmp_path / "set").checksum in text


def test_a_card_survives_a_name_that_means_something_in_yaml(faces, tmp_path):
    path = tmp_path / "yes: [#1] 'é'"
    convert(faces, path, format="parquet")
    front_matter = yaml.safe_load((path / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    assert front_matter["pretty_name"] == path.name
