"""Some images of a source are a source of their own."""

import pickle

import numpy as np
from parquets import faces, image_bytes
from pictures import people

from femb_cli.data.files.folder import FolderSource
from femb_cli.data.huggingface.parquet import ParquetSource
from femb_cli.data.identities import Identities
from femb_cli.data.selected_rows import SelectedRows, WithoutIdentities
from femb_cli.data.source import HasRowGroups, check_identities, names_of


def test_without_some_people_the_others_are_renumbered(tmp_path):
    source = FolderSource(people(tmp_path / "people", {"ann": 2, "bob": 1, "cy": 3, "dee": 2}))
    view = WithoutIdentities(source, [2, 0])
    check_identities(view)
    assert view.identities.names == ["bob", "dee"]
    assert view.identities.labels_N.tolist() == [0, 1, 1]
    assert list(view.names) == ["bob/0.jpg", "dee/0.jpg", "dee/1.jpg"]
    assert names_of(view, np.array([2, 0])) == ["dee/1.jpg", "bob/0.jpg"]
    assert [view.read(row) for row in range(3)] == [source.read(row) for row in (2, 6, 7)]
    assert not isinstance(view, HasRowGroups)


def test_images_without_an_identity_stay(tmp_path):
    source = FolderSource(people(tmp_path / "people", {"ann": 2, "bob": 2}))
    source.identities = Identities(["ann", "bob"], np.array([0, -1, 1, 1]))
    assert WithoutIdentities(source, [0]).identities.labels_N.tolist() == [-1, 0, 0]


def test_its_pickle_is_small_and_the_same(tmp_path):
    source = FolderSource(people(tmp_path / "people", {"ann": 2, "bob": 2, "cy": 2}))
    view = WithoutIdentities(source, [1])
    both = pickle.loads(pickle.dumps((view, SelectedRows(source, np.array([2, 3])))))
    assert list(both[0].names) == list(view.names)
    assert both[0].read(2) == view.read(2)
    assert both[0].source is both[1].source
    view.source = None
    assert len(pickle.dumps(view)) < 200


def test_row_groups_stay_whole_and_empty_ones_go(tmp_path):
    """The 25 rows are in groups of ten; all of the second group is left out, and the first row of the others."""
    source = ParquetSource(faces(tmp_path / "faces.parquet"))
    rows = np.array([*range(1, 10), *range(21, 25)])
    view = SelectedRows(source, rows)
    assert isinstance(view, HasRowGroups)
    assert view.groups.starts.tolist() == [0, 9, 13]
    assert view.groups.at_once == source.groups.at_once
    assert [view.read(row) for row in range(len(view))] == [image_bytes(row) for row in rows.tolist()]
