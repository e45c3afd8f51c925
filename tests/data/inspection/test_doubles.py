"""Equal images are found by their bytes."""

import numpy as np
from pictures import encode

from femb_cli.data.identities import Identities
from femb_cli.data.inspection import doubles as module
from femb_cli.data.inspection.doubles import Checksums, doubles_table
from femb_cli.data.open import open_source


def test_equal_checksums_are_a_set():
    checksums = Checksums(7)
    for row, checksum in enumerate([5, 9, 5, 7, 2**64 - 1, 9, 5]):
        checksums.add(row, checksum)
    assert checksums.doubles().sets == [[0, 2, 6], [1, 5]]
    assert Checksums(0).doubles().sets == []


def test_a_large_source_is_sampled_so_that_sets_stay_whole(monkeypatch):
    monkeypatch.setattr(module, "MOST_KEPT", 300)
    checksums = Checksums(900)
    for row in range(900):
        checksums.add(row, row % 450)
    found = checksums.doubles()
    assert found.one_in == 3
    assert found.sets == [[row, row + 450] for row in range(0, 450, 3)]


def test_the_kind_of_a_set_follows_from_its_people():
    sets = module.Doubles([[0, 1], [2, 3], [0, 4], [4, 5]])
    people = Identities(["a", "b"], np.array([0, 0, 0, 1, -1, -1]))
    assert sets.of_kind("one person", people) == [[0, 1]]
    assert sets.of_kind("several people", people) == [[2, 3]]
    assert sets.of_kind("no person", people) == [[0, 4], [4, 5]]
    assert sets.of_kind("no person", None) == sets.sets


def test_the_table_names_images_and_people(tmp_path):
    for name, shade in (("ann/1", 1), ("ann/2", 2), ("bob/1", 1)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.jpg").write_bytes(encode(shade))
    assert list(doubles_table(module.Doubles([[0, 2]]), open_source(tmp_path))) == [
        (1, "several people", "ann/1.jpg", "ann"),
        (1, "several people", "bob/1.jpg", "bob"),
    ]
