"""The spellings of whether a pair shows one person: `1` and `0`, `1` and `-1`, `same` and `diff`, and others."""

from collections.abc import Collection

_SAME = {"1", "true", "t", "yes", "y", "same", "genuine", "mated", "match", "matched", "positive", "pos", "intra"}
_DIFFERENT = {
    *("0", "-1", "false", "f", "no", "n", "diff", "different", "notsame", "impostor", "imposter", "nonmated"),
    *("nonmatch", "nomatch", "mismatch", "unmatched", "mismatched", "negative", "neg", "inter", "extra"),
}
SHOWN = "1 and 0, 1 and -1, true and false, yes and no, same and diff, genuine and impostor"
"""The main spellings, for messages."""


def flag_value(cell: str) -> bool | None:
    """Return whether a cell says that a pair shows one person; None if it says neither."""
    word = _plain(cell)
    return True if word in _SAME else False if word in _DIFFERENT else None


def is_flag_column(cells: Collection[str]) -> bool:
    """Whether all cells are flags."""
    words = {_plain(cell) for cell in cells}
    return bool(words) and words <= _SAME | _DIFFERENT and not has_three_kinds(cells)


def has_three_kinds(cells: Collection[str]) -> bool:
    """Whether cells hold both 0 and -1, so that one of them may mean something else than two people."""
    return {"0", "-1"} <= {_plain(cell) for cell in cells}


def _plain(cell: str) -> str:
    """Return a cell in lower case: a whole number without decimals, a word without its hyphens and spaces."""
    text = cell.strip().lower()
    if text[:1].isalpha():
        return text.replace("-", "").replace("_", "").replace(" ", "")
    number, point, decimals = text.removeprefix("+").partition(".")
    return number if not point or not decimals.strip("0") else text
