"""What an entry of a database of images holds: where its image is, and who is on it.

Each project writes values of its own. femb knows three kinds: MessagePack or a pickle of a list with one image and one
label, such as (image, label) or (image, feature, label), and the bytes of an image as they are.

Source: the MessagePack specification, github.com/msgpack/msgpack, spec.md.
"""

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from femb_cli.data.images.encoded import MAX_IMAGE_BYTES
from femb_cli.data.images.signature import START_BYTES, image_format
from femb_cli.data.verification_bin.restricted_pickle import RefusedError, load_pickled

_MOST_ITEMS = 16
_MOST_TEXT = 512
_MOST_BYTES = 2 * MAX_IMAGE_BYTES
_LENGTHS = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
"""By the code of bytes or a text, the number of bytes that state its length."""
_NUMBERS = dict(zip(range(0xCA, 0xD4), [">f", ">d", ">B", ">H", ">I", ">Q", ">b", ">h", ">i", ">q"], strict=True))


class UnknownValue(Exception):
    """A value is none that femb knows; the message says what it is."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of a file.

    Attributes:
        descriptor: The open file.
        offset: Where they start.
        size: Their number.
        start: The first of them, as far as they have been read: a call to the system takes longer than all else.
    """

    descriptor: int
    offset: int
    size: int
    start: bytes = b""

    def read(self, most: int = _MOST_BYTES) -> bytes:
        """Return the bytes, at most so many."""
        length = min(self.size, most)
        return self.start[:length] if length <= len(self.start) else os.pread(self.descriptor, length, self.offset)

    def part(self, start: int, size: int) -> "Piece":
        """Return a part.

        Raises:
            UnknownValue: It goes beyond the end.
        """
        if start + size > self.size:
            raise UnknownValue("it is cut short")
        return Piece(self.descriptor, self.offset + start, size, self.start[start : start + size])


@dataclass(frozen=True)
class Labelled:
    """An image of a database.

    Attributes:
        image: Where it is.
        label: Who is on it; None if the value does not say.
    """

    image: Piece
    label: int | str | None


def read_value(value: Piece) -> Labelled:
    """Find the image and the label in a value, without reading the image of a value in MessagePack.

    Raises:
        UnknownValue: It is none of the kinds that femb knows, or does not hold one image and one label.
    """
    start = value.read(2 * START_BYTES)
    value = Piece(value.descriptor, value.offset, value.size, start)
    if image_format(start[:START_BYTES]):
        return Labelled(_checked(value), None)
    if start[:1] == b"\x80" and 2 <= start[1] <= 5:
        return _one_image(_pickled(value))
    if start and (0x90 <= start[0] <= 0x9F or start[0] == 0xDC):
        return _one_image(_message(value))
    raise UnknownValue(f"it starts with {start[:12]!r}, which is no image, no list in MessagePack and no pickle")


def read_number(value: Piece) -> int | None:
    """Return the number in a value that holds nothing else; None if it does not."""
    content = value.read(64)
    try:
        if content[:1] == b"\x80":
            return found if type(found := load_pickled(content)) is int else None
        found, end = _item(value, 0)
    except (RefusedError, UnknownValue):
        return None
    return found if type(found) is int and end == value.size else None


def _one_image(items: Sequence[Any]) -> Labelled:
    """Return the image and the label of a list; other bytes in it, such as a feature, are not read."""
    pieces = [item for item in items if isinstance(item, Piece)]
    images = [piece for piece in pieces if image_format(piece.read(START_BYTES))] or pieces
    numbers = [int(item) if isinstance(item, float) and item.is_integer() else item for item in items]
    labels = [item for item in numbers if type(item) is int or (isinstance(item, str) and item.isprintable())]
    if len(images) != 1 or len(labels) > 1:
        raise UnknownValue(f"it holds {len(images)} images and {len(labels)} labels, not one of each")
    return Labelled(_checked(images[0]), labels[0] if labels else None)


def _checked(image: Piece) -> Piece:
    if image.size > MAX_IMAGE_BYTES:
        raise UnknownValue(f"its image claims {image.size} bytes, too many for one image")
    return image


def _pickled(value: Piece) -> list[Any]:
    """Return the items of a pickled list, bytes in it as a `Piece`."""
    if value.size > _MOST_BYTES:
        raise UnknownValue(f"its pickle has {value.size:,} bytes, too many for one image")
    content = value.read()
    try:
        items = load_pickled(content)
    except RefusedError as refused:
        raise UnknownValue(f"its pickle {refused}") from refused
    if not isinstance(items, list | tuple) or len(items) > _MOST_ITEMS:
        raise UnknownValue("its pickle is not a short list")
    return [_stored(item, content, value) for item in items]


def _stored(item: object, content: bytes, value: Piece) -> object:
    """Return where the bytes of an item are in its pickle; another item as it is."""
    if isinstance(item, np.ndarray):
        item = item.tobytes() if item.ndim == 1 and item.dtype == np.uint8 else item
    if not isinstance(item, bytes):
        return item
    if (start := content.find(item)) < 0:
        raise UnknownValue("its pickle does not hold the image as it is")
    return value.part(start, len(item))


def _message(value: Piece) -> list[Any]:
    """Return the items of a list in MessagePack, bytes in it as a `Piece`."""
    start = value.read(3)
    length, place = (start[0] & 15, 1) if start[0] != 0xDC else (int.from_bytes(start[1:3], "big"), 3)
    if length > _MOST_ITEMS:
        raise UnknownValue(f"it is a list of {length} items")
    items: list[Any] = []
    for _ in range(length):
        item, place = _item(value, place)
        items.append(item)
    if place != value.size:
        raise UnknownValue(f"{value.size - place} bytes follow its list")
    return items


def _item(value: Piece, place: int) -> tuple[Any, int]:
    """Read one item in MessagePack, and return it and where it ends."""
    if place >= value.size:
        raise UnknownValue("it is cut short")
    head = value.part(place, min(9, value.size - place)).read()
    code, rest = head[0], partial(_unpacked, head)
    if code < 0x80 or code >= 0xE0:
        return int.from_bytes(head[:1], "big", signed=True), place + 1
    if code in (0xC0, 0xC2, 0xC3):
        return None if code == 0xC0 else code == 0xC3, place + 1
    if code in _NUMBERS:
        return rest(_NUMBERS[code]), place + 1 + struct.calcsize(_NUMBERS[code])
    is_bytes = code in (0xC4, 0xC5, 0xC6)
    if 0xA0 <= code <= 0xBF:
        start, size = place + 1, code & 31
    elif code in _LENGTHS:
        start, size = place + 1 + _LENGTHS[code], rest({1: ">B", 2: ">H", 4: ">I"}[_LENGTHS[code]])
    else:
        raise UnknownValue(f"it holds an item of the MessagePack code {code:#x}")
    return _bytes_or_text(value.part(start, size), is_bytes=is_bytes), start + size


def _bytes_or_text(piece: Piece, *, is_bytes: bool) -> Piece | str:
    """Return a short text as text; old programs wrote bytes as texts, too."""
    if is_bytes or piece.size > _MOST_TEXT:
        return piece
    try:
        return piece.read().decode()
    except UnicodeDecodeError:
        return piece


def _unpacked(head: bytes, form: str) -> Any:
    try:
        return struct.unpack_from(form, head, 1)[0]
    except struct.error as error:
        raise UnknownValue("it is cut short") from error
