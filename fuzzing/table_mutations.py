"""Mutations of tables and lists as text: cells, columns, lines and what separates them.

A mutation is a function as in `mutations.py`.
"""

from random import Random

from mutations import Mutation, replace_value, write_token

ODD_CELLS = (
    *(
        b"",
        b" ",
        b"nan",
        b"NaN",
        b"inf",
        b"-inf",
        b"1e308",
        b"1e-400",
        b"-0",
        b"0x1",
        b"1_0",
        b"+1",
        b"1.0",
        b"0.5",
        b"-1",
    ),
    *(b"2", b"9" * 18, b"9" * 19, b"9" * 30, b"9" * 400, b"-" + b"9" * 25, b"null", b"None", b"NA", b"true", b"FALSE"),
    *(
        b"same",
        b"diff",
        b"\xd9\xa3",
        b"\xc2\xb2",
        b"\xe2\x91\xa0",
        b"\xff\xfe",
        b"\xed\xa0\x80",
        b"\0",
        b"\r",
        b"\x1c",
        b"\x85",
    ),
    *(
        b'"',
        b'"a',
        b'"a""b"',
        b'"a\nb"',
        b"'",
        b"../x.jpg",
        b"/etc/passwd",
        b"C:\\x.jpg",
        b"a/./b.jpg",
        b"//",
        b"x" * 70_000,
    ),
    *(b"ann/ann_0001.jpg", b"score", b"mated", b"fold", b"img1", b"id1", b"label", b"TEMPLATE_ID", b"[1, 2]", b"{}"),
)


def change_cell(data: bytes, other: bytes, chance: Random) -> bytes:
    """Replace a cell, or the same column in all lines."""
    delimiter, rows = _rows(data, chance)
    row = chance.randrange(len(rows))
    place = chance.randrange(len(rows[row]))
    value = chance.choice((chance.choice(ODD_CELLS), chance.choice(chance.choice(rows))))
    for changed in rows if chance.random() < 0.3 else [rows[row]]:
        if place < len(changed):
            changed[place] = value
    return _joined(delimiter, rows)


def change_columns(data: bytes, other: bytes, chance: Random) -> bytes:
    """Repeat, leave out or move a column, in all lines or in one."""
    delimiter, rows = _rows(data, chance)
    first, second, kind = chance.randrange(9), chance.randrange(9), chance.randrange(3)
    for row in rows if chance.random() < 0.7 else [chance.choice(rows)]:
        if first < len(row):
            cell = row[first] if kind == 0 else row.pop(first)
            if kind != 1:
                row.insert(second, cell)
    return _joined(delimiter, rows)


def change_lines(data: bytes, other: bytes, chance: Random) -> bytes:
    """Repeat, leave out, exchange or insert lines."""
    lines = data.split(b"\n")
    place, second = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(6):
        case 0:
            del lines[place]
        case 1:
            lines.insert(place, lines[second])
        case 2:
            lines[place], lines[second] = lines[second], lines[place]
        case 3:
            lines.insert(
                place, chance.choice((b"", b"#", b"# a", b"   ", b"\xef\xbb\xbf", b"\r", chance.choice(ODD_CELLS)))
            )
        case 4:
            lines[place:place] = [lines[second]] * chance.choice((10, 500))
        case _:
            lines = lines[:1] + lines[1:][::-1]
    return b"\n".join(lines)


def change_separators(data: bytes, other: bytes, chance: Random) -> bytes:
    """Exchange what separates cells or lines, or the encoding."""
    match chance.randrange(4):
        case 0:
            return data.replace(b"\n", chance.choice((b"\r\n", b"\r", b"\n\n", b"\x0b", b"\xe2\x80\xa8")))
        case 1:
            return data.decode(errors="replace").encode(chance.choice(("utf-16", "utf-8-sig", "utf-32", "utf-7")))
        case _:
            _, rows = _rows(data, chance)
            return _joined(chance.choice((b",", b"\t", b";", b"|", b" ", b"  ", b", ")), rows)


TABLES: tuple[Mutation, ...] = (
    *(change_cell,) * 20,
    *(change_columns,) * 8,
    *(change_lines,) * 8,
    *(change_separators,) * 3,
)


def change_json_line(data: bytes, other: bytes, chance: Random) -> bytes:
    """Replace a value in one line of JSON."""
    lines = data.split(b"\n")
    place = chance.randrange(len(lines))
    lines[place] = replace_value(lines[place], b"", chance)
    return b"\n".join(lines)


FURTHER: dict[str, tuple[Mutation, ...]] = {
    **dict.fromkeys((".txt", ".csv", ".tsv", ".lst", ".list"), (*TABLES, *(write_token,) * 12)),
    ".jsonl": (*(change_json_line,) * 14, *(change_lines,) * 3, *(write_token,) * 6),
}
"""Further mutations by file ending; one that is listed more often is chosen more often."""


def _rows(data: bytes, chance: Random) -> tuple[bytes, list[list[bytes]]]:
    """Divide a text into cells by its most frequent separator, or sometimes by another."""
    delimiters = sorted((b",", b"\t", b";", b" ", b"|"), key=data.count)
    delimiter = delimiters[-1] if chance.random() < 0.9 else chance.choice(delimiters)
    return delimiter, [line.split(delimiter) for line in data.split(b"\n")]


def _joined(delimiter: bytes, rows: list[list[bytes]]) -> bytes:
    return b"\n".join(delimiter.join(row) for row in rows)
