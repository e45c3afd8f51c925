"""Faces that were found once are not searched again."""

import sqlite3

import numpy as np
import pytest

from femb_cli.faces import cache
from femb_cli.faces.cache import FaceCache
from femb_cli.faces.face import Face, PhotoFaces
from femb_cli.files import cache_folder

A, B, C = (bytes([number]) * 16 for number in range(3))


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FEMB_CACHE_DIR", str(tmp_path / "cache"))


def photo(*scores: float) -> PhotoFaces:
    faces = [Face(np.arange(4) + score, np.arange(10).reshape(5, 2) * score, score) for score in scores]
    return PhotoFaces(400, 300, tuple(faces))


def test_faces_come_back_to_the_last_bit():
    stored = photo(0.1, 0.7)
    FaceCache("mtcnn-1").add({A: stored, B: photo()})
    found = FaceCache("mtcnn-1").find([A, B, C])
    assert set(found) == {A, B}
    assert (found[A].width, found[A].height, found[B].faces) == (400, 300, ())
    for one, other in zip(found[A].faces, stored.faces, strict=True):
        assert (one.box == other.box).all()
        assert (one.landmarks == other.landmarks).all()
        assert one.score == other.score


def test_each_detector_has_its_own_faces():
    FaceCache("mtcnn-1").add({A: photo(0.5)})
    assert FaceCache("yunet-1").find([A]) == {}


def test_many_photos_are_looked_up_together():
    keys = [number.to_bytes(16, "big") for number in range(1203)]
    FaceCache("mtcnn-1").add({key: photo() for key in keys})
    assert len(FaceCache("mtcnn-1").find(keys)) == 1203


def test_the_earliest_entries_make_room(monkeypatch):
    monkeypatch.setattr(cache, "MOST_PHOTOS", 2)
    for key in (A, B, C):
        FaceCache("mtcnn-1").add({key: photo()})
    assert set(FaceCache("mtcnn-1").find([A, B, C])) == {B, C}


def test_a_damaged_cache_is_no_obstacle():
    FaceCache("mtcnn-1").add({A: photo()})
    (cache_folder() / "faces.sqlite").write_bytes(b"no database" * 1000)
    assert FaceCache("mtcnn-1").find([A]) == {}
    FaceCache("mtcnn-1").add({A: photo()})
    assert set(FaceCache("mtcnn-1").find([A])) == {A}


def test_damage_anywhere_never_changes_a_face():
    keys = [number.to_bytes(16, "big") for number in range(60)]
    FaceCache("mtcnn-1").add({key: photo(*[place / 60] * (place % 3)) for place, key in enumerate(keys)})
    path = cache_folder() / "faces.sqlite"
    intact, random = path.read_bytes(), np.random.default_rng(0)
    for _ in range(60):
        damaged = np.frombuffer(intact, np.uint8).copy()
        places = random.integers(0, len(intact), 200)
        damaged[places] = random.integers(0, 256, 200)
        path.write_bytes(damaged.tobytes())
        for key, found in FaceCache("mtcnn-1").find(keys).items():
            place = keys.index(key)
            assert [face.score for face in found.faces] == [place / 60] * (place % 3)


@pytest.mark.parametrize("value", [b"123", "text", 7, None, b"0" * 144])
def test_a_damaged_entry_is_searched_again(value):
    FaceCache("mtcnn-1").add({A: photo(0.5)})
    with sqlite3.connect(cache_folder() / "faces.sqlite") as database:
        database.execute("UPDATE faces SET found = ?", (value,))
    assert FaceCache("mtcnn-1").find([A]) == {}
