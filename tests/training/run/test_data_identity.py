"""A training set is told from another one."""

import shutil

from people import write_people

from femb_cli.data.conversion.convert import convert
from femb_cli.data.open import open_source
from femb_cli.training.run.data_identity import data_identity


def test_the_same_images_anywhere_are_the_same_training_set(tmp_path):
    people = write_people(tmp_path / "people")
    shutil.copytree(people, tmp_path / "moved")
    assert data_identity(open_source(people)) == data_identity(open_source(tmp_path / "moved"))


def test_a_label_that_changed_is_another_training_set(tmp_path):
    people = write_people(tmp_path / "people")
    before = data_identity(open_source(people))
    (people / "person0/0.png").rename(people / "person1/9.png")
    after = data_identity(open_source(people))
    assert [key for key in before if before[key] != after[key]] == ["labels_xxh3_128"]


def test_another_image_in_a_dataset_of_femb_is_another_training_set(tmp_path):
    people = write_people(tmp_path / "people")
    convert(open_source(people), tmp_path / "one")
    (people / "person0/0.png").write_bytes((people / "person0/1.png").read_bytes())
    convert(open_source(people), tmp_path / "two")
    one, two = (data_identity(open_source(tmp_path / name)) for name in ("one", "two"))
    assert [key for key in one if one[key] != two[key]] == ["images_xxh3_128"]
