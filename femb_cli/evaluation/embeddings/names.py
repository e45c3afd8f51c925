"""The names of embeddings as text: one a line."""

from collections.abc import Iterable, Iterator

import xxhash

from femb_cli.errors import FembError


def name_lines(names: Iterable[str]) -> Iterator[bytes]:
    """Yield each name as a line of text in UTF-8.

    Raises:
        FembError: a name holds a line break, or cannot be written in UTF-8.
    """
    for name in names:
        if "\n" in name:
            raise FembError(
                f"the name {name!r} holds a line break, so a file of names would shift", hint="rename this image"
            )
        try:
            yield name.encode() + b"\n"
        except UnicodeEncodeError as error:
            raise FembError(f"the name {name!r} is not valid text", hint="rename this image") from error


def names_from_text(text: bytes, *, as_written: bool) -> list[str]:
    r"""Return the names in a text. Only `\n` ends a line; U+2028 and the like are part of a name.

    Args:
        text: the names in UTF-8.
        as_written: it is exactly what `name_lines` yielded; else a byte order mark and a `\r` before `\n` are removed.

    Raises:
        UnicodeDecodeError: the text is not UTF-8.
    """
    lines = text.decode("utf-8" if as_written else "utf-8-sig").split("\n")
    if not lines[-1]:
        lines.pop()
    return lines if as_written else [line.removesuffix("\r") for line in lines]


def names_digest(lines: Iterable[bytes]) -> str:
    """Return the checksum by which a description knows its names: that of all lines, one after the other."""
    digest = xxhash.xxh3_128()
    for line in lines:
        digest.update(line)
    return digest.hexdigest()
