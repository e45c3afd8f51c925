"""Images are read in batches, and the damaged ones are separated from the intact ones."""

import numpy as np
import pytest
from pictures import encode, people

from femb_cli.data.conversion import batch_reader
from femb_cli.data.conversion.batch_reader import read_batches
from femb_cli.data.files.folder import FolderSource

JPEG = encode(1, (33, 21))


@pytest.fixture
def faces(tmp_path) -> FolderSource:
    return FolderSource(people(tmp_path / "faces", {"a": 5, "b": 8, "c": 10}))


def test_batches_depend_on_where_they_start_alone(faces, monkeypatch):
    monkeypatch.setattr(batch_reader, "BATCH_ROWS", 4)
    monkeypatch.setattr(batch_reader, "BATCH_BYTES", 2 * len(faces.read(0)) + 1)
    whole = list(read_batches(faces, np.arange(23)))
    for number, batch in enumerate(whole):
        again = list(read_batches(faces, np.arange(23), batch.stop))
        assert [rest.stop for rest in again] == [rest.stop for rest in whole[number + 1 :]]
        assert [rest.images.data for rest in again] == [rest.images.data for rest in whole[number + 1 :]]


def test_a_batch_ends_with_the_image_that_fills_it(faces, monkeypatch):
    size = len(faces.read(0))
    monkeypatch.setattr(batch_reader, "BATCH_BYTES", 3 * size)
    for batch in list(read_batches(faces, np.arange(23)))[:-1]:
        last = len(batch.images[len(batch.images) - 1])
        assert len(batch.images.data) - last < 3 * size <= len(batch.images.data)


def test_an_image_larger_than_a_batch_is_one_by_itself(faces, monkeypatch):
    monkeypatch.setattr(batch_reader, "BATCH_BYTES", 1)
    assert [len(batch.images) for batch in read_batches(faces, np.arange(23))] == [1] * 23


def test_rows_come_in_the_order_asked_for(faces):
    rows = np.array([20, 3, 3, 11])
    [batch] = read_batches(faces, rows)
    assert [bytes(batch.images[place]) for place in range(4)] == [faces.read(row) for row in rows.tolist()]


def test_faults_keep_their_places_and_counts_add_up(faces, monkeypatch):
    monkeypatch.setattr(batch_reader, "BATCH_ROWS", 6)
    (faces.path / faces.names[2]).unlink()
    (faces.path / faces.names[9]).write_bytes(b"<html>")
    (faces.path / faces.names[10]).write_bytes(b"")
    (faces.path / faces.names[22]).write_bytes(JPEG[:-40])
    rows = np.arange(22, -1, -1)
    batches = list(read_batches(faces, rows))
    places = np.concatenate([batch.places_N for batch in batches])
    faults = [row for batch in batches for row, _ in batch.faults]
    assert faults == [22, 10, 9, 2]
    assert sorted([*rows[places].tolist(), *faults]) == list(range(23))
    start = 0
    for batch in batches:
        assert len(batch.places_N) + len(batch.faults) == batch.stop - start
        assert len(batch.images) == len(batch.sizes_N2) == len(batch.places_N)
        start = batch.stop
    images = [bytes(batch.images[index]) for batch in batches for index in range(len(batch.images))]
    assert images == [faces.read(row) for row in rows[places].tolist()]


def test_a_fault_names_the_image_and_what_is_wrong(faces):
    (faces.path / faces.names[9]).write_bytes(b"<html>")
    [batch] = read_batches(faces, np.arange(23))
    [(row, error)] = batch.faults
    assert row == 9
    assert repr(faces.names[9]) in error.message
    assert "is a web page" in error.message


def test_other_images_than_plain_jpegs_are_checked_one_by_one(faces):
    (faces.path / faces.names[0]).write_bytes(encode(1, (7, 5), "PNG"))
    (faces.path / faces.names[1]).write_bytes(JPEG + b"\0\0")
    (faces.path / faces.names[2]).write_bytes(encode(1, (9, 4), "WEBP"))
    [batch] = read_batches(faces, np.arange(4))
    assert batch.sizes_N2.tolist() == [[7, 5], [33, 21], [9, 4], [40, 40]]
    assert not batch.faults


def test_damage_in_the_pixels_is_found_only_by_decoding(faces):
    image = bytearray(faces.read(4))
    image[-300:-2] = b""
    (faces.path / faces.names[4]).write_bytes(image)
    [quick] = read_batches(faces, np.arange(23))
    [certain] = read_batches(faces, np.arange(23), decode=True)
    assert not quick.faults
    assert [row for row, _ in certain.faults] == [4]
    assert certain.places_N.tolist() == [place for place in range(23) if place != 4]
