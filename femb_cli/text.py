"""Text of files and in messages: the lines of a text, and values that are safe and short enough to be shown."""

import codecs
import re
import unicodedata
from collections.abc import Sequence

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters except tab and newline, those that change the direction of text, and what is not Unicode."""

_MARKS = {
    **{codecs.BOM_UTF32_LE: "UTF-32", codecs.BOM_UTF32_BE: "UTF-32"},  # before UTF-16, which begins as one of them
    **{codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16"},
}

MOST_SHOWN = 200
"""Characters of a value in a message."""

MOST_NAMES = 5
"""Names in a message."""


def left_out(name: str, problem: str) -> str:
    """Return the remark on an image that is left out, with its name once, also if the problem starts with it."""
    rest = problem.removeprefix(f"{name} ")
    return f"left out {name}: {problem}" if rest == problem else f"left out {name}, which {rest}"


def no_face_sentence(without_face: Sequence[str], num_photos: int, rest: str) -> str:
    """Say in how many photos no face was found, and name the first ones.

    Args:
        without_face: names of the photos without a face.
        num_photos: number of photos that were searched.
        rest: where the names of more than a few are, as `--json names all`; empty if nowhere.
    """
    photos = f"{len(without_face):,} of {counted(num_photos, 'photo')}"
    return f"no face in {photos}, left out: {first_names(without_face, rest)}"


def first_names(names: Sequence[str], rest: str = "") -> str:
    """Return the first names of a list, how many more there are, and where they are (empty: nowhere)."""
    more = f" and {len(names) - MOST_NAMES:,} more{f' ({rest})' if rest else ''}" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more


def lines_of(text: str) -> list[str]:
    """Return the lines of a text without their ends: line feeds, or carriage returns and line feeds.

    `str.splitlines` also cuts at a dozen other characters, such as U+2028, which may be part of a name.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def other_encoding(content: bytes) -> tuple[str, str] | None:
    """Say in which encoding a text is, and what to do with it; None if it may be UTF-8.

    Args:
        content: The text, or its beginning.

    Returns:
        A description as `UTF-16 text`, and a hint.
    """
    name = next((name for mark, name in _MARKS.items() if content.startswith(mark)), None)
    if name is None and content.count(0) > len(content) // 3:
        name = "UTF-16"
    if name is not None:
        return f"{name} text", f"save it as UTF-8 (in Excel: CSV UTF-8), or: iconv -f {name} -t UTF-8 FILE > NEW"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(content)
    except UnicodeDecodeError:
        return "not UTF-8 text", "save it as UTF-8; if it is Latin-1, so does: iconv -f LATIN1 -t UTF-8 FILE > NEW"
    return None


def shown(value: object) -> str:
    """Return a value for a message: as Python writes it, and cut if it is long."""
    try:
        return cut(repr(value))
    except ValueError:  # Python writes no whole number of more than 4300 digits
        return "a number of thousands of digits"


def cut(text: str, most: int = MOST_SHOWN) -> str:
    """Return a text with `most` characters at most, and say how many are left out."""
    return text if len(text) <= most else f"{text[:most]}... ({len(text) - most:,} more characters)"


def columns_of(text: str) -> int:
    """Return how many columns of a terminal a text of one line takes; an East Asian character takes two."""
    return sum(map(_columns, text))


def fit_columns(text: str, columns: int) -> str:
    """Return the beginning of a text of one line that fits into so many columns of a terminal."""
    for index, character in enumerate(text):
        columns -= _columns(character)
        if columns < 0:
            return text[:index]
    return text


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def printable(text: str) -> str:
    """Return a text for a terminal: control characters except tab and newline are written as Python's escapes.

    A file's name or a file's content may hold any of them: they would move the cursor, change colours or reverse text.
    """
    return _UNPRINTABLE.sub(lambda match: _escape(ord(match[0])), text)


def printable_json(document: str) -> str:
    """Return a JSON document that means the same, with the characters that `printable` escapes as JSON's escapes."""
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", document)


def _escape(number: int) -> str:
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number of things in words: `1 step`, `2,000 steps`, `2 processes`."""
    if plural is None:
        plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def per_second(rate: float) -> str:
    """Return a number of images per second: whole from 10 on, below with one decimal."""
    return f"{rate:.1f}" if rate < 9.95 else f"{rate:,.0f}".replace(",", " ")


def rate_text(rate: float) -> str:
    """Return an error rate as the field writes it: `1e-2`, `1e-3`, `5e-4`, `0.05`."""
    digits, _, exponent = f"{rate:.6e}".partition("e")
    is_short = float(digits) == 1.0 and rate < 1.0
    return f"{float(digits):g}e{int(exponent)}" if is_short or 0.0 < rate < 0.01 else f"{rate:g}"


def in_plain_words(message: str) -> str:
    """Return pydantic's message about a value in the words of a person."""
    plain = message.removeprefix("Value error, ").partition(", unable to parse")[0]
    plain = plain.replace("Input should be a valid integer", "it has to be a whole number")
    plain = plain.replace("Input should be a valid tuple", "it has to be a list")
    return plain.replace("Input should be a valid", "it has to be a").replace("Input should be", "it has to be")
