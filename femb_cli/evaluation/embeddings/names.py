"""The names of embeddings as text: one a line."""

from collections.abc import Iterable

import xxhash

from femb_cli.errors import FembError


def names_to_text(names: Iterable[str]) -> bytes:
    """Return names as text in UTF-8, one a line.

    Raises:
        FembError: a name holds a line break, or cannot be written in UTF-8.
    """
    lines = []
    for name in names:
        if "\n" in name:
            raise FembError(
                f"the name {name!r} holds a line break, so a file of names would shift", hint="rename this image"
            )
        try:
            lines.append(name.encode())
        except UnicodeEncodeError as error:
            raise FembError(f"the name {name!r} is not valid text", hint="rename this image") from error
    return b"".join(line + b"\n" for line in lines)


def names_from_text(text: bytes, *, as_written: bool) -> list[str]:
    r"""Return the names in a text. Only `\n` ends a line: all other characters, U+2028 too, may be part of a name.

    Args:
        text: the names in UTF-8.
        as_written: `names_to_text` wrote exactly this text; else a byte order mark and a `\r` before `\n` are removed.

    Raises:
        UnicodeDecodeError: the text is not UTF-8.
    """
    lines = text.decode("utf-8" if as_written else "utf-8-sig").split("\n")
    if not lines[-1]:
        lines.pop()
    return lines if as_written else [line.removesuffix("\r") for line in lines]


def names_digest(text: bytes) -> str:
    """Return the checksum by which a description knows its names."""
    return xxhash.xxh3_128_hexdigest(text)
