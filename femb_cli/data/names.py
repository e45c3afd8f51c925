"""Find names in a list of names as they are written, or else in another Unicode form of the same letters.

A letter with an accent is one character in the composed form, NFC, and a letter followed by its accent in the
decomposed form, NFD, in which macOS has long written the names of files.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from functools import cached_property

MISSING, AMBIGUOUS = -1, -2
"""What is found in place of a name that is not in the list, or could be several in it."""


def composed(name: str) -> str:
    """Return a name in the composed form."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def photo_of(name: str) -> str:
    """Return the name of the photo that a face is from: `a.jpg` of `a.jpg#2`, and other names as they are."""
    photo, _, number = name.rpartition("#")
    return photo if photo and number.isdecimal() else name


class PlacesOfNames:
    """The places of names in a list.

    Two names that differ in their form only stay two: each is found as it is written.

    Args:
        names: The list.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._as_written = _table(names)

    def find(self, name: str) -> int:
        """Return the place of a name.

        Returns:
            `MISSING` if the list does not have it; `AMBIGUOUS` if it has it twice, or in two other forms.
        """
        place = self._as_written.get(name, MISSING)
        return self._composed.get(composed(name), MISSING) if place == MISSING and not name.isascii() else place

    @cached_property
    def _composed(self) -> dict[str, int]:
        return _table(map(composed, self._names))


def _table(names: Iterable[str]) -> dict[str, int]:
    table: dict[str, int] = {}
    for place, name in enumerate(names):
        table[name] = AMBIGUOUS if name in table else place
    return table
