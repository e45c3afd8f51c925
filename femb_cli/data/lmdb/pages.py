"""The entries of an LMDB database: keys in order, and where the file holds their values.

A database is a tree of pages. The pages that open the file, two meta pages, state the size of a page and the root of
the tree; the one with the higher transaction number is valid. A branch page points to pages, a leaf page holds keys
with their values, and the value of a long entry lies in consecutive overflow pages.

The LMDB library trusts its file: it ends the process when a page is damaged. So femb reads the pages itself, and checks
every number in them against the file.

Source: LMDB 0.9, libraries/liblmdb/mdb.c, the structures MDB_page, MDB_node, MDB_db and MDB_meta on a machine with 64
bits and little-endian integers.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from femb_cli.errors import FembError

MAGIC = b"\xde\xc0\xef\xbe"
MAGIC_AT = 16
_VERSION = 1
_PAGE = struct.Struct("<QHHHH")  # number, padding, flags, end of the pointers, start of the nodes
_META = struct.Struct("<4sI16x48x4xH26xQQQQ")  # mark, version; kind, entries, root, last page, transaction
_NODE = struct.Struct("<HHHH")  # size of the value or number of a page, low and high part; flags; size of the key
_BRANCH, _LEAF, _OVERFLOW = 1, 2, 4
_IS_LONG, _OTHER_VALUES = 1, 2 | 4  # the values of other nodes are databases, or several of one key
_NO_ROOT = 2**64 - 1
_DEEPEST = 64
_HINT = "it is damaged or cut short: download it again"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a database.

    Attributes:
        key: Its key.
        offset: Where its value starts in the file.
        size: Number of the value's bytes.
    """

    key: bytes
    offset: int
    size: int


@dataclass(frozen=True)
class _Meta:
    """What the meta page states."""

    page_size: int
    root: int
    num_entries: int
    num_pages: int


def is_lmdb(start: bytes) -> bool:
    """Whether the first bytes of a file, 20 or more, are those of an LMDB database."""
    return start[MAGIC_AT : MAGIC_AT + 4] == MAGIC


def read_entries(descriptor: int, path: Path) -> Iterator[Entry]:
    """Yield the entries of a database in the order of their keys.

    Args:
        descriptor: The open file.
        path: Its path, for messages.

    Raises:
        FembError: The file is damaged or cut short, or its keys or values are of a kind that femb does not read.
    """
    meta = _read_meta(descriptor, path)
    if meta.root == _NO_ROOT:
        return
    visited, count, last = bytearray(meta.num_pages), 0, b""
    waiting = [iter([meta.root])]
    while waiting:
        number = next(waiting[-1], None)
        if number is None:
            waiting.pop()
            continue
        if number >= meta.num_pages or visited[number] or len(waiting) > _DEEPEST:
            raise _damage(path, f"page {number} is outside the file or there twice")
        visited[number] = 1
        page = os.pread(descriptor, meta.page_size, number * meta.page_size)
        _, _, flags, *_ = _PAGE.unpack_from(page)
        if flags & (_BRANCH | _LEAF) == _BRANCH:
            waiting.append(iter(_children(page, path, number)))
            continue
        for entry in _leaf(page, descriptor, meta, path, number):
            if entry.key <= last and count:
                raise _damage(path, f"the keys of page {number} are not in order")
            last, count = entry.key, count + 1
            yield entry
    if count != meta.num_entries:
        raise _damage(path, f"it states {meta.num_entries:,} entries and holds {count:,}")


def _read_meta(descriptor: int, path: Path) -> _Meta:
    """Return the newer of the two meta pages."""
    first = os.pread(descriptor, MAGIC_AT + _META.size, 0)
    if len(first) < MAGIC_AT + _META.size or not is_lmdb(first):
        raise _damage(path, "it has no first page")
    page_size = int.from_bytes(first[MAGIC_AT + 24 : MAGIC_AT + 28], "little")
    if page_size not in [2**power for power in range(8, 17)]:
        raise _damage(path, f"it states pages of {page_size} bytes")
    pages = [first, os.pread(descriptor, MAGIC_AT + _META.size, page_size)]
    stated = [_META.unpack_from(page, MAGIC_AT) for page in pages if len(page) == len(first) and is_lmdb(page)]
    _, version, kind, num_entries, root, last_page, _ = max(stated, key=lambda meta: meta[-1])
    if version != _VERSION or kind:
        raise FembError(
            f"{path} is an LMDB database of version {version} and kind {kind}, which femb does not read",
            hint="femb reads version 1 with one value for each key, as the lmdb package writes it",
        )
    if (last_page + 1) * page_size > os.fstat(descriptor).st_size:
        raise FembError(f"{path} is cut short: it states {last_page + 1:,} pages of {page_size:,} bytes", hint=_HINT)
    return _Meta(page_size, root, num_entries, last_page + 1)


def _nodes(page: bytes, path: Path, number: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield of each node the place behind its header, the size of its value or its page, its flags, its key's size."""
    _, _, _, end, _ = _PAGE.unpack_from(page)
    if not _PAGE.size <= end <= len(page):
        raise _damage(path, f"page {number} states {end} bytes of pointers")
    for (start,) in struct.iter_unpack("<H", page[_PAGE.size : end - end % 2]):
        if start + _NODE.size > len(page):
            raise _damage(path, f"a node of page {number} is outside it")
        low, high, flags, key_size = _NODE.unpack_from(page, start)
        yield start + _NODE.size, low | high << 16, flags, key_size


def _children(page: bytes, path: Path, number: int) -> list[int]:
    """Return the numbers of the pages below a branch page."""
    return [low | flags << 32 for _, low, flags, _ in _nodes(page, path, number)]


def _leaf(page: bytes, descriptor: int, meta: _Meta, path: Path, number: int) -> Iterator[Entry]:
    """Yield the entries of a leaf page."""
    if _PAGE.unpack_from(page)[2] & ~16 != _LEAF:
        raise _damage(path, f"page {number} is of the kind {_PAGE.unpack_from(page)[2]}")
    for place, size, flags, key_size in _nodes(page, path, number):
        key, start = page[place : place + key_size], place + key_size
        if flags & _OTHER_VALUES:
            raise FembError(
                f"{path} holds databases in it, or several values of one key, which femb does not read",
                hint="write its images to a folder for each person, with the lmdb package",
            )
        in_page = 8 if flags & _IS_LONG else size
        if start + in_page > len(page):
            raise _damage(path, f"an entry of page {number} is longer than the page")
        if flags & _IS_LONG:
            yield Entry(key, _long_value(page[start : start + 8], size, descriptor, meta, path), size)
        else:
            yield Entry(key, number * meta.page_size + start, size)


def _long_value(pointer: bytes, size: int, descriptor: int, meta: _Meta, path: Path) -> int:
    """Return where the value in overflow pages starts."""
    number = int.from_bytes(pointer, "little")
    start = number * meta.page_size + _PAGE.size
    if number >= meta.num_pages or start + size > meta.num_pages * meta.page_size:
        raise _damage(path, f"the value in page {number} is outside the file")
    header = os.pread(descriptor, _PAGE.size, start - _PAGE.size)
    if len(header) < _PAGE.size or _PAGE.unpack(header)[2] & ~16 != _OVERFLOW:
        raise _damage(path, f"page {number} does not hold a long value")
    return start


def _damage(path: Path, what: str) -> FembError:
    return FembError(f"{path} is a damaged LMDB database: {what}", hint=_HINT)
