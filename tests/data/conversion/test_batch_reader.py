"""Images by the batch: judged alike one by one and together, parted into sound ones and faults."""

import struct
import zlib

import numpy as np
import pytest
from femb_cli.data.conversion.batch import EncodedImages, read_batches
from pictures import encode, people

from femb_cli.data.conversion import batch as batch_module
from femb_cli.data.files.folder import FolderSource
from femb_cli.data.images.encoded import MAX_PIXELS, quick_size, quick_sizes
from femb_cli.data.open import open_source


def with_segment(jpeg: bytes, payload: bytes) -> bytes:
    """Put an APP9 segment right after the start of a JPEG."""
    return jpeg[:2] + b"\xff\xe9" + struct.pack(">H", len(payload) + 2) + payload + jpeg[2:]


def claiming(jpeg: bytes, width: int, height: int) -> bytes:
    """Change the size in the frame header."""
    position = jpeg.index(b"\xff\xc0")
    return jpeg[: position + 5] + struct.pack(">HH", height, width) + jpeg[position + 9 :]


def png_without_pixels(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">II", width, height) + b"\x08\x02\0\0\0"
    return b"\x89PNG\r\n\x1a\n\0\0\0\r" + header + struct.pack(">I", zlib.crc32(header)) + b"\0\0\0\0IEND\xaeB`\x82"


JPEG = encode(1, (33, 21))
ENCODINGS = {
    "plain": JPEG,
    "one pixel": encode(1, (1, 1)),
    "tall": encode(1, (3, 2000)),
    "progressive": encode(1, (33, 21), progressive=True),
    "optimised": encode(1, (33, 21), optimize=True),
    "subsampled": encode(1, (33, 21), subsampling=2, quality=30),
    "with EXIF and ICC": encode(1, (33, 21), exif=b"Exif\0\0" + b"\xff\xc0\xff\xd9" * 100, icc_profile=b"p" * 70_000),
    "with a segment like a frame": with_segment(JPEG, b"\xff\xc0\0\x11\x08\0\x01\0\x01" * 3),
    "with an empty segment": with_segment(JPEG, b""),
    "with the largest segment": with_segment(JPEG, b"\xff" * 65533),
    "with fill bytes between segments": JPEG[:2] + b"\xff\xff" + JPEG[2:],
    "with a byte after its end": JPEG + b"\0",
    "with zeros after its end": JPEG + b"\0" * 64,
    "with text after its end": JPEG + b"a comment that nobody asked for",
    "cut before its end": JPEG[:-2],
    "cut in its pixels": JPEG[:-40],
    "cut in its frame header": JPEG[: JPEG.index(b"\xff\xc0") + 6],
    "cut in its header, ended": JPEG[:30] + b"\xff\xd9",
    "start and end alone": b"\xff\xd8\xff\xd9",
    "start, segment, end": b"\xff\xd8\xff\xe0\x00\x10" + b"J" * 14 + b"\xff\xd9",
    "segment that leads out of it": b"\xff\xd8\xff\xe0\xff\xff" + b"J" * 14 + b"\xff\xd9",
    "no pixel wide": claiming(JPEG, 0, 21),
    "as large as is allowed": claiming(JPEG, 8000, MAX_PIXELS // 8000),
    "larger than is allowed": claiming(JPEG, 65535, 65535),
    "PNG": encode(1, (33, 21), "PNG"),
    "PNG of one pixel": encode(1, (1, 1), "PNG"),
    "PNG without pixels": png_without_pixels(7, 5),
    "PNG, cut": encode(1, (33, 21), "PNG")[:-8],
    "BMP": encode(1, (33, 21), "BMP"),
    "WebP": encode(1, (33, 21), "WEBP"),
    "a page of HTML": b"<html>not found</html>",
    "nothing": b"",
    "a byte": b"\xff",
}


def sizes_of(images: list[bytes]) -> list[tuple[int, int]]:
    joined = EncodedImages.join(images)
    return [(width, height) for width, height in quick_sizes(joined.data, joined.ends_N).tolist()]


def one_by_one(image: bytes) -> tuple[int, int]:
    """What is expected of `quick_sizes`: JPEGs that end with their end marker, and have an allowed size."""
    size = quick_size(image)
    plain = size is not None and image.startswith(b"\xff\xd8") and image.endswith(b"\xff\xd9")
    return size if plain and 0 < size[0] * size[1] <= MAX_PIXELS else (0, 0)


@pytest.mark.parametrize("name", ENCODINGS)
def test_an_image_has_the_same_size_alone_and_among_others(name):
    image = ENCODINGS[name]
    neighbours = [JPEG, image, JPEG, image, encode(2, (5, 6))]
    expected = one_by_one(image)
    assert sizes_of([image]) == [expected]
    assert sizes_of(neighbours) == [(33, 21), expected, (33, 21), expected, (5, 6)]


def test_all_encodings_together_have_the_sizes_that_they_have_alone():
    assert sizes_of(list(ENCODINGS.values())) == [one_by_one(image) for image in ENCODINGS.values()]
    assert sizes_of([]) == []


def test_the_odd_ones_are_told_from_the_plain_ones():
    plain = {name for name, image in ENCODINGS.items() if one_by_one(image) == (33, 21)}
    assert {"plain", "progressive", "with EXIF and ICC", "with a segment like a frame", "subsampled"} <= plain
    assert not {"PNG", "cut in its pixels", "with a byte after its end", "larger than is allowed"} & plain


def test_any_cut_of_a_jpeg_is_judged_alike():
    cuts = [JPEG[:length] + end for length in range(0, len(JPEG), 7) for end in (b"", b"\xff\xd9")]
    assert sizes_of(cuts) == [one_by_one(cut) for cut in cuts]


def test_any_byte_changed_in_the_header_is_judged_alike():
    generator = np.random.default_rng(0)
    changed = []
    for position in range(200):
        image = bytearray(JPEG)
        image[position] = generator.integers(256)
        changed.append(bytes(image))
    assert sizes_of(changed) == [one_by_one(image) for image in changed]


def test_real_faces_have_the_sizes_that_they_have_alone(shared):
    for name in ("lfw_raw_250_sample.zip", "records/popkorn_adaface/train.rec"):
        source = open_source(shared / "data" / name)
        images = [source.read(row) for row in range(min(len(source), 300))]
        sizes = sizes_of(images)
        assert sizes == [one_by_one(image) for image in images]
        assert min(sizes) > (0, 0)


@pytest.fixture
def faces(tmp_path) -> FolderSource:
    return FolderSource(people(tmp_path / "faces", {"a": 5, "b": 8, "c": 10}))


def test_joined_images_come_apart_again():
    images = [b"one", b"", b"three"]
    assert [bytes(image) for image in map(EncodedImages.join(images).__getitem__, range(3))] == images


def test_batches_depend_on_where_they_start_alone(faces, monkeypatch):
    monkeypatch.setattr(batch_module, "BATCH_ROWS", 4)
    monkeypatch.setattr(batch_module, "BATCH_BYTES", 2 * len(faces.read(0)) + 1)
    whole = list(read_batches(faces, np.arange(23)))
    for number, batch in enumerate(whole):
        again = list(read_batches(faces, np.arange(23), batch.stop))
        assert [rest.stop for rest in again] == [rest.stop for rest in whole[number + 1 :]]
        assert [rest.images.data for rest in again] == [rest.images.data for rest in whole[number + 1 :]]


def test_a_batch_ends_with_the_image_that_fills_it(faces, monkeypatch):
    size = len(faces.read(0))
    monkeypatch.setattr(batch_module, "BATCH_BYTES", 3 * size)
    for batch in list(read_batches(faces, np.arange(23)))[:-1]:
        last = len(batch.images[len(batch.images) - 1])
        assert len(batch.images.data) - last < 3 * size <= len(batch.images.data)


def test_an_image_larger_than_a_batch_is_one_by_itself(faces, monkeypatch):
    monkeypatch.setattr(batch_module, "BATCH_BYTES", 1)
    assert [len(batch.images) for batch in read_batches(faces, np.arange(23))] == [1] * 23


def test_rows_come_in_the_order_asked_for(faces):
    rows = np.array([20, 3, 3, 11])
    [batch] = read_batches(faces, rows)
    assert [bytes(batch.images[place]) for place in range(4)] == [faces.read(row) for row in rows.tolist()]


def test_faults_keep_their_places_and_counts_add_up(faces, monkeypatch):
    monkeypatch.setattr(batch_module, "BATCH_ROWS", 6)
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
    assert "is no image: it starts with b'<html>'" in error.message


def test_what_is_no_plain_jpeg_is_judged_by_itself(faces):
    (faces.path / faces.names[0]).write_bytes(encode(1, (7, 5), "PNG"))
    (faces.path / faces.names[1]).write_bytes(JPEG + b"\0\0")
    (faces.path / faces.names[2]).write_bytes(encode(1, (9, 4), "WEBP"))
    [batch] = read_batches(faces, np.arange(4))
    assert batch.sizes_N2.tolist() == [[7, 5], [33, 21], [9, 4], [40, 40]]
    assert not batch.faults


def test_damage_among_the_pixels_is_found_by_decoding_alone(faces):
    image = bytearray(faces.read(4))
    image[-300:-2] = b""
    (faces.path / faces.names[4]).write_bytes(image)
    [quick] = read_batches(faces, np.arange(23))
    [certain] = read_batches(faces, np.arange(23), decode=True)
    assert not quick.faults
    assert [row for row, _ in certain.faults] == [4]
    assert certain.places_N.tolist() == [place for place in range(23) if place != 4]
