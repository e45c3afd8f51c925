"""Mutations of tar archives behind their checksums, of compressed streams, and of the pages of LMDB databases.

A mutation is a function as in `mutations.py`.
"""

import bz2
import gzip
import zlib
from random import Random

from mutations import MUTATIONS, Mutation, replace_value, write_token

BLOCK, PAGE = 512, 4096
FIELDS = {"name": (0, 100), "size": (124, 136), "kind": (156, 157), "magic": (257, 265), "prefix": (345, 500)}
"""The fields of a header that femb reads: first byte and end."""

ODD_FIELDS: dict[str, tuple[bytes, ...]] = {
    "name": (
        b"",
        b"/etc/x.jpg",
        b"../x.jpg",
        b"./",
        b"a/",
        b".jpg",
        b"\xff\xfe.jpg",
        b"a\n.cls",
        b"x" * 100,
        b"C:\\x.jpg",
    ),
    "size": (b"", b"0", b"7" * 11, b"7" * 12, b"-1", b"8", b" 10 ", b"\x80" + b"\xff" * 11, b"\xff" * 12, b"1 1", b"1"),
    "kind": (*(bytes([kind]) for kind in b"01234567LKSVDNxXg"), b"\0", b"\xff"),
    "magic": (b"ustar\x0000", b"ustar  \0", b"", b"\xff" * 8),
    "prefix": (b"", b"..", b"\xe9\xff", b"x" * 155, b"/"),
}
ODD_RECORDS = (
    *(b"path=x.jpg", b"path=\xff\xfe.jpg", b"path=", b"path=../x.jpg", b"path=" + b"y" * 5000, b"size=0", b"size=-1"),
    *(
        b"size=" + b"9" * 18,
        b"size=" + b"9" * 5000,
        b"size=\xd9\xa3",
        b"size=1.5",
        b"GNU.sparse.major=1",
        b"GNU.sparse.\xff=1",
    ),
    *(b"\xff=\xff", b"=", b"", b"hdrcharset=BINARY", b"linkpath=x", b"SCHILY.xattr.user=\0"),
)


def change_field(data: bytes, other: bytes, chance: Random) -> bytes:
    """Put an unusual value into a field of a header, and the right checksum."""
    places = headers(data)
    if not places:
        return data
    place, field = chance.choice(places), chance.choice(sorted(FIELDS))
    start, end = FIELDS[field]
    value = chance.choice(ODD_FIELDS[field])[: end - start].ljust(end - start, b"\0")
    return _with_checksum(data, place, start, value)


def change_member(data: bytes, other: bytes, chance: Random) -> bytes:
    """Change a member as a text or as any file, cut to its length."""
    places = [place for place in headers(data) if _size(data, place)]
    if not places:
        return data
    place = chance.choice(places)
    start, size = place + BLOCK, _size(data, place)
    content = chance.choice((*MUTATIONS, write_token, write_token, replace_value))(
        data[start : start + size], other, chance
    )
    padding = bytes(-len(content) % BLOCK)
    changed = data[:start] + content + padding + data[start + size + -size % BLOCK :]
    return _with_checksum(changed, place, FIELDS["size"][0], b"%011o\0" % len(content))


def insert_extra(data: bytes, other: bytes, chance: Random) -> bytes:
    """Insert a pax header, or a long name, before a member."""
    places = headers(data)
    if not places:
        return data
    place, kind = chance.choice(places), chance.choice((b"x", b"x", b"x", b"X", b"g", b"L", b"K"))
    content = b"".join(_record(chance.choice(ODD_RECORDS), chance) for _ in range(chance.choice((1, 1, 2))))
    if kind in (b"L", b"K"):
        content = chance.choice((b"x.jpg\0", b"", b"\0", b"\xff\xfe.jpg", b"z" * 3000, b"a/../../b.jpg", b"a\0b"))
    header = data[place : place + BLOCK]
    extra = header + content + bytes(-len(content) % BLOCK)
    extra = _with_checksum(extra, 0, FIELDS["kind"][0], kind)
    extra = _with_checksum(extra, 0, FIELDS["size"][0], b"%011o\0" % len(content))
    return data[:place] + extra + data[place:]


def move_members(data: bytes, other: bytes, chance: Random) -> bytes:
    """Repeat, leave out or exchange the blocks from one header to another, or join two archives."""
    places = headers(data)
    if len(places) < 2:
        return data + other
    first, second = sorted(chance.sample(places, 2))
    return chance.choice(
        (
            data[:second] + data[first:],
            data[:first] + data[second:],
            data[:second] + data[first:second] * chance.choice((1, 5, 200)) + data[second:],
            data + other,
            data.rstrip(b"\0"),
            data[:first] + bytes(BLOCK * chance.choice((1, 2, 30))) + data[first:],
        )
    )


ARCHIVE: tuple[Mutation, ...] = (
    *(change_field,) * 12,
    *(change_member,) * 10,
    *(insert_extra,) * 8,
    *(move_members,) * 4,
)


def change_compressed(data: bytes, other: bytes, chance: Random) -> bytes:
    """Change the archive in a compressed file."""
    pack, unpack = (gzip.compress, gzip.decompress) if data.startswith(b"\x1f\x8b") else (bz2.compress, bz2.decompress)
    try:
        content = unpack(data)
    except (OSError, EOFError, ValueError, zlib.error):
        return data
    return pack(chance.choice((*ARCHIVE, *MUTATIONS))(content, b"", chance)) if content else data


def change_page(data: bytes, other: bytes, chance: Random) -> bytes:
    """Change a number in a page of a database: in its header, its pointers, or anywhere."""
    page = PAGE * chance.randrange(len(data) // PAGE + 1)
    place = page + chance.choice((0, 10, 12, 14, *range(16, 152, 2), 2 * chance.randrange(PAGE // 2)))
    number = chance.choice((0, 1, 2, 4, 8, 16, 24, PAGE, 2**15, 2**16 - 1, chance.randrange(2**16)))
    return data[:place] + number.to_bytes(2, "little") + data[place + 2 :]


FURTHER: dict[str, tuple[Mutation, ...]] = {
    ".tar": ARCHIVE,
    ".gz": (change_compressed,) * 9,
    ".bz2": (change_compressed,) * 9,
    ".lmdb": (change_page,) * 15,
}
"""Further mutations by file ending; one that is listed more often is chosen more often."""


def headers(data: bytes) -> list[int]:
    """Return where the headers of an archive are, as far as their checksums are right."""
    return [place for place in range(0, len(data) - BLOCK + 1, BLOCK) if _is_header(data, place)]


def _record(text: bytes, chance: Random) -> bytes:
    """Return a record of a pax header, sometimes with a wrong length."""
    length = next(size for size in range(len(text) + 3, len(text) + 12) if len(b"%d %s\n" % (size, text)) == size)
    stated = chance.choice((0, 1, length + 9, 10**9)) if chance.random() < 0.2 else length
    return b"%d %s\n" % (stated, text)


def _with_checksum(data: bytes, place: int, start: int, value: bytes) -> bytes:
    """Put a value into a header, and its new checksum."""
    changed = bytearray(data)
    changed[place + start : place + start + len(value)] = value
    changed[place + 148 : place + 156] = b"%06o\0 " % (_sum(bytes(changed), place))
    return bytes(changed)


def _sum(data: bytes, place: int) -> int:
    header = data[place : place + BLOCK]
    return sum(header[:148]) + sum(header[156:]) + 8 * 32


def _is_header(data: bytes, place: int) -> bool:
    digits = data[place + 148 : place + 156].strip(b"\0 ")
    return bool(digits) and not digits.strip(b"01234567") and int(digits, 8) == _sum(data, place)


def _size(data: bytes, place: int) -> int:
    digits = data[place + 124 : place + 136].strip(b"\0 ")
    size = int(digits, 8) if digits and not digits.strip(b"01234567") else 0
    return size if place + BLOCK + size <= len(data) else 0
