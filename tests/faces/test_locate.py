"""Searching a source of photos, whatever their number and size."""

import io
import threading

import numpy as np
import pytest
from PIL import Image

from femb_cli.errors import FembError
from femb_cli.faces import locate
from femb_cli.faces.face import PhotoFaces
from femb_cli.faces.locate import locate_faces


class Photos:
    """A source of small photos; `alive` counts the encoded ones that are in memory."""

    def __init__(self, number):
        self.names = [f"{place}.png" for place in range(number)]
        self.alive = self.most_alive = 0
        self.lock = threading.Lock()
        encoded = io.BytesIO()
        Image.new("RGB", (20, 10)).save(encoded, "PNG")
        self.png = encoded.getvalue()

    def __len__(self):
        return len(self.names)

    def read(self, row):
        if row == 3:
            raise FembError("3.png is gone")
        source = self

        class Counted(bytes):
            def __del__(self):
                with source.lock:
                    source.alive -= 1

        with self.lock:
            self.alive += 1
            self.most_alive = max(self.most_alive, self.alive)
        return Counted(self.png)


def no_face(photos):
    return [[] for _ in photos]


def test_memory_holds_no_more_than_two_blocks_of_photos(monkeypatch):
    source = Photos(100)
    monkeypatch.setattr(locate, "_BLOCK_BYTES", 16 * len(source.png))
    found = locate_faces(source, range(100), no_face)
    assert [place for place, each in enumerate(found) if isinstance(each, FembError)] == [3]
    assert sum(isinstance(each, PhotoFaces) and each.width == 20 for each in found) == 99
    assert source.most_alive <= 2 * (16 + locate._READ_AT_ONCE)


def test_an_interruption_ends_the_search_at_once():
    searched = []

    def slow(photos):
        searched.append(threading.Event().wait(0.01))
        return no_face(photos)

    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        locate_faces(Photos(200), np.arange(200).tolist(), slow, progress=interrupt)
    assert len(searched) < 100
