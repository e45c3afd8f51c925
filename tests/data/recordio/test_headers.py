"""The headers of many records at once are those that were written."""

import numpy as np
import pytest
from records import MAGIC, image, record

from femb_cli.data.recordio.format import Damage, scan
from femb_cli.data.recordio.headers import image_bounds, read_headers, read_image

PAYLOADS = [
    image(3.0, b"first", number=11),
    image([4.0, 5.0], b"second", number=2**40),
    image([9.0, 10.0], b"", number=0),
    image(6.0, b"abcd" + MAGIC + b"of several parts", number=7),
    image([8.0], b"last", number=8),
]
DATA = b"".join(map(record, PAYLOADS))


def test_labels_ids_and_images_are_those_written():
    headers = read_headers(DATA, scan(DATA))
    assert headers.labels_N.tolist() == [3, 4, 9, 6, 8]
    assert headers.second_labels_N.tolist() == [0, 5, 10, 0, 0]
    assert headers.ids_N.tolist() == [11, 2**40, 0, 7, 8]
    assert headers.has_image_N.tolist() == [True, True, False, True, True]
    assert headers.is_followed_N.all()
    assert (headers.damage_N == Damage.NONE).all()


def test_ids_are_read_only_when_asked_for():
    assert not len(read_headers(DATA, scan(DATA), with_ids=False).ids_N)


def test_images_are_read_whole_and_lie_where_the_bounds_say():
    offsets_N = scan(DATA)
    contents = [b"first", b"second", b"", b"abcd" + MAGIC + b"of several parts", b"last"]
    assert [read_image(DATA, int(offset)) for offset in offsets_N] == contents
    starts_N, ends_N, is_one_part_N = image_bounds(DATA, offsets_N)
    assert is_one_part_N.tolist() == [True, True, True, False, True]
    found = [DATA[start:end] for start, end in zip(starts_N, ends_N, strict=True)]
    assert [found[row] for row in (0, 1, 2, 4)] == [contents[row] for row in (0, 1, 2, 4)]


@pytest.mark.parametrize(
    ("offset", "damage"),
    [
        (-4, Damage.OUTSIDE),
        (4000, Damage.OUTSIDE),
        (6, Damage.UNALIGNED),
        (8, Damage.NO_MAGIC),
        (len(DATA) - 4, Damage.CUT_SHORT),
    ],
)
def test_an_offset_without_a_record_is_damage(offset, damage):
    assert read_headers(DATA, np.array([offset])).damage_N.tolist() == [damage]


def test_damage_inside_a_record_is_named():
    short, without_image, lying = record(b"short"), record(image(1.0, b"")), bytearray(record(image(1.0, b"12345678")))
    lying[4] -= 4
    for data, damage in ((short, Damage.TOO_SHORT), (without_image, Damage.NO_IMAGE), (lying, Damage.WRONG_LENGTH)):
        assert read_headers(bytes(data) + DATA, np.array([0])).damage_N.tolist() == [damage]
