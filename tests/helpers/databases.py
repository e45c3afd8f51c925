"""LMDB databases of images, as other projects write them."""

from collections.abc import Mapping
from pathlib import Path

import pytest


def write_lmdb(path: Path, values: Mapping[str, bytes], *, is_folder: bool = False) -> Path:
    """Write a database with the LMDB library, and return its path; skips the test where it is not installed."""
    lmdb = pytest.importorskip("lmdb")
    with lmdb.open(str(path), subdir=is_folder, map_size=2**26) as database, database.begin(write=True) as transaction:
        for key, value in values.items():
            transaction.put(key.encode(), value)
    return path


def message(*items: bytes | str | int) -> bytes:
    """Return a short list in MessagePack, with the codes that the msgpack package chooses."""
    return bytes([0x90 | len(items)]) + b"".join(map(_item, items))


def _item(item: bytes | str | int) -> bytes:
    if isinstance(item, str):
        return bytes([0xA0 | len(item.encode())]) + item.encode()
    if isinstance(item, bytes):
        return b"\xc5" + len(item).to_bytes(2, "big") + item
    if 0 <= item < 128:
        return bytes([item])
    return b"\xcd" + item.to_bytes(2, "big") if item >= 0 else b"\xff"
