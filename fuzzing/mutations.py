"""Mutations of any file: random bytes, numbers and texts that readers often handle wrongly, and values in JSON.

A mutation is a function of the content of a file, the content of another file of the same kind, and the generator of
random numbers.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from seeds import Seed

from femb_cli.data.recordio.format import MAGIC

EXTREMES = (0, 1, 2, 4, 255, 2**16 - 1, 2**24, 2**29 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1, 2**64 - 1)
TOKENS = [
    *(b"\0", b"\r", b"\n", b"\t", b" ", b",", b'"', b"'", b"/", b"../", b"\\", b"\xef\xbb\xbf", b"\xff\xfe", b"\x85"),
    *("\u2028é\U0001f600\u202e".encode(), b"\xed\xa0\x80", b"-1", b"0", b"1e999", b"NaN", b"0x10", b"1_0", b"2.5"),
    *(str(number).encode() for number in EXTREMES[-8:]),
    *(b"9" * 5000, b"null", b"true", b"[]", b"{}", b'"text"', b"[0]", b'{"a": 1}', b'"\\ud800"', b"[" * 9999),
    *(b'"names"', b"image", b"path", b"label", b"bytes", b"features", b"_data_files", b"a.jpg"),
    *(b"x" * 300, b"y" * 140_000),
]
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 2**63, 1.5, float("inf"), "", "text", "\ud800", "a\0b", "../.."),
    *([], [0], {}, {"a": 1}),
)


def flip_bytes(data: bytes, other: bytes, chance: Random) -> bytes:
    """Change up to eight bytes."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        changed[chance.randrange(len(data))] ^= chance.choice((1, 2, 4, 8, 16, 32, 64, 128, chance.randint(1, 255)))
    return bytes(changed)


def truncate(data: bytes, other: bytes, chance: Random) -> bytes:
    """Cut the end off."""
    return data[: chance.randrange(len(data))]


def insert(data: bytes, other: bytes, chance: Random) -> bytes:
    """Insert a few bytes at random."""
    place = chance.randint(0, len(data))
    return data[:place] + chance.randbytes(chance.randint(1, 64)) + data[place:]


def delete(data: bytes, other: bytes, chance: Random) -> bytes:
    """Delete a block."""
    start, end = block(data, chance)
    return data[:start] + data[end:]


def duplicate(data: bytes, other: bytes, chance: Random) -> bytes:
    """Repeat a block, a few times or many."""
    start, end = block(data, chance)
    return data[:end] + data[start:end] * chance.choice((1, 1, 2, 20)) + data[end:]


def overwrite_integer(data: bytes, other: bytes, chance: Random) -> bytes:
    """Overwrite 4 or 8 aligned bytes with an extreme integer, or one that means something in the file."""
    size = chance.choice((4, 8))
    near = chance.choice((MAGIC, len(data), len(data) // 2, chance.randrange(len(data) + 1)))
    number = chance.choice((*EXTREMES, near, near + 1)) % 2 ** (8 * size)
    start = chance.randrange(0, len(data), 4)
    return data[:start] + number.to_bytes(size, chance.choice(("little", "little", "big"))) + data[start + size :]


def splice(data: bytes, other: bytes, chance: Random) -> bytes:
    """Continue with another file of the same kind from some place on."""
    return data[: chance.randint(0, len(data))] + other[chance.randint(0, len(other)) :]


def write_token(data: bytes, other: bytes, chance: Random) -> bytes:
    """Insert an unusual text, or put it in the place of a block or a word."""
    start, end = chance.choice((block(data, chance), word(data, chance)))
    return data[: chance.choice((start, end))] + chance.choice(TOKENS) + data[end:]


def replace_value(data: bytes, other: bytes, chance: Random) -> bytes:
    """Replace a value in JSON by an unusual one, if the file is still JSON."""
    try:
        root = [json.loads(data)]
    except (ValueError, RecursionError):
        return data
    container: Any = root
    while isinstance(container, list | dict) and container:
        inner, key = container, chance.choice(list(container) if isinstance(container, dict) else range(len(container)))
        container = container[key] if chance.random() < 0.7 else None
    inner[key] = chance.choice(ODD_VALUES)
    return json.dumps(root[0]).encode()


def block(data: bytes, chance: Random) -> tuple[int, int]:
    """Choose a block; short ones are as likely as long ones."""
    start = chance.randrange(len(data))
    return start, min(len(data), start + chance.randint(1, 4 ** chance.randint(1, 6)))


def word(data: bytes, chance: Random) -> tuple[int, int]:
    """Choose a word or a number of a text."""
    start = end = chance.randrange(len(data))
    while start and data[start - 1 : start].isalnum():
        start -= 1
    while end < len(data) and data[end : end + 1].isalnum():
        end += 1
    return start, end


Mutation = Callable[[bytes, bytes, Random], bytes]
MUTATIONS: tuple[Mutation, ...] = (
    *(flip_bytes, flip_bytes, truncate, insert, delete, duplicate),
    *(overwrite_integer, overwrite_integer, splice),
)
TEXT_ENDINGS = (".json", ".idx", ".txt", ".list", ".lst", ".csv", ".tsv", "")
FURTHER = dict.fromkeys(TEXT_ENDINGS, (write_token,) * 12) | {".json": (write_token,) * 6 + (replace_value,) * 24}
"""Further mutations by file ending; one that is listed more often is chosen more often."""


def choose_file(seed: Seed, chance: Random) -> str:
    """Choose the file that is opened, or one beside it; in a folder, large files are more likely."""
    names = sorted(seed.files)
    if not seed.opened:
        return chance.choices(names, [len(seed.files[name]) + 1 for name in names])[0]
    return seed.opened if chance.random() < 0.6 else chance.choice(names)


def mutate(seeds: list[Seed], chance: Random, further: Mapping[str, tuple[Mutation, ...]] = FURTHER) -> Seed:
    """Return one of the seeds with one or two of its files changed, and sometimes with a changed file name.

    Args:
        seeds: The seeds to choose from.
        chance: The generator of random numbers.
        further: Mutations by file ending, in addition to those for every file.
    """
    seed, other = chance.choice(seeds), chance.choice(seeds)
    files = dict(seed.files)
    for _ in range(chance.choice((1, 1, 2))):
        name = choose_file(seed, chance)
        donors = [content for path, content in other.files.items() if Path(path).suffix == Path(name).suffix]
        mutations = MUTATIONS + further.get(Path(name).suffix, ())
        for _ in range(chance.choice((1, 1, 1, 2, 4))):
            if files[name]:
                files[name] = chance.choice(mutations)(files[name], chance.choice(donors or [b""]), chance)
    if not seed.opened and chance.random() < 0.1:
        old = chance.choice(sorted(files))
        raw = chance.randbytes(chance.randint(1, 20)).replace(b"\0", b"").replace(b"/", b"")
        files[str(Path(old).with_name("x")) + os.fsdecode(raw) + Path(old).suffix] = files.pop(old)
    return replace(seed, files=files)
