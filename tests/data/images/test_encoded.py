"""Encoded images: their size, whether they are complete, and many of them in one buffer."""

import struct
import zlib

import numpy as np
import pytest
from pictures import encode

from femb_cli.data.images.encoded import EncodedImages, check_image, quick_size, quick_sizes
from femb_cli.data.images.picture import MAX_PIXELS
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
    return [(width, height) for width, height in quick_sizes(joined).tolist()]


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


def test_unusual_images_are_separated_from_plain_ones():
    plain = {name for name, image in ENCODINGS.items() if one_by_one(image) == (33, 21)}
    assert {"plain", "progressive", "with EXIF and ICC", "with a segment like a frame", "subsampled"} <= plain
    assert not {"PNG", "cut in its pixels", "with a byte after its end", "larger than is allowed"} & plain


def test_any_cut_of_a_jpeg_has_the_same_result_alone_and_among_others():
    cuts = [JPEG[:length] + end for length in range(0, len(JPEG), 7) for end in (b"", b"\xff\xd9")]
    assert sizes_of(cuts) == [one_by_one(cut) for cut in cuts]


def test_any_changed_byte_in_the_header_has_the_same_result_alone_and_among_others():
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


def test_joined_images_come_apart_again():
    images = [b"one", b"", b"three"]
    assert [bytes(image) for image in map(EncodedImages.join(images).__getitem__, range(3))] == images


@pytest.mark.parametrize("name", ["plain", "progressive", "PNG", "BMP", "WebP", "with zeros after its end"])
def test_a_complete_image_has_its_size(name):
    assert check_image(ENCODINGS[name]) == check_image(ENCODINGS[name], decode=True) == (33, 21)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nothing", "holds no image: 0 bytes"),
        ("a page of HTML", "is a web page"),
        ("cut in its pixels", "is cut short"),
        ("larger than is allowed", "claims 65535 x 65535 pixels"),
    ],
)
def test_the_reason_why_bytes_are_not_an_image_is_stated(name, reason):
    with pytest.raises(ValueError, match=reason):
        check_image(ENCODINGS[name])
