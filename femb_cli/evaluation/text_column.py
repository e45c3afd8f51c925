"""A column of texts that repeat, such as the images of pairs: each different text once, and its place in each row.

Shape suffixes: N rows, M some of them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class TextColumn(Sequence[str]):
    """A column of texts; it behaves as a sequence of them, and takes one to four bytes a row.

    Attributes:
        values: the different texts. Columns that are compared share them, so that some may not occur in this one.
        codes_N: int32 or smaller, place in `values` of each row's text.
    """

    values: tuple[str, ...]
    codes_N: NDArray[np.integer[Any]]

    @classmethod
    def of(cls, texts: Iterable[str]) -> "TextColumn":
        """Make a column, whose values are in the order in which they first occur; a column stays as it is."""
        if isinstance(texts, TextColumn):
            return texts
        table = TextTable()
        codes_N = table.codes(texts)
        return cls(tuple(table), codes_N)

    @classmethod
    def of_both(cls, left: Iterable[str], right: Iterable[str]) -> "tuple[TextColumn, TextColumn]":
        """Make columns for both sides of pairs, which share their values."""
        table = TextTable()
        left_N, right_N = table.codes(left), table.codes(right)
        values = tuple(table)
        return cls(values, left_N), cls(values, right_N)

    @classmethod
    def joined(cls, columns: "Sequence[TextColumn]") -> "TextColumn":
        """Join columns one below the other."""
        table = TextTable()
        codes = [table.codes(column.values)[column.codes_N] for column in columns]
        return cls(tuple(table), np.concatenate(codes))

    def __len__(self) -> int:
        return len(self.codes_N)

    @overload
    def __getitem__(self, row: int) -> str: ...

    @overload
    def __getitem__(self, row: slice) -> "TextColumn": ...

    def __getitem__(self, row: int | slice) -> "str | TextColumn":
        return TextColumn(self.values, self.codes_N[row]) if isinstance(row, slice) else self.values[self.codes_N[row]]

    def __iter__(self) -> Iterator[str]:
        return map(self.values.__getitem__, self.codes_N.tolist())

    def __eq__(self, other: object) -> bool:
        """Whether a column or a sequence has the same texts in the same order."""
        if isinstance(other, TextColumn) and other.values == self.values:
            return np.array_equal(other.codes_N, self.codes_N)
        return isinstance(other, Sequence) and not isinstance(other, str) and list(self) == list(other)

    def take(self, rows_M: NDArray[Any]) -> "TextColumn":
        """Return some of the rows, given by their numbers or by flags."""
        return TextColumn(self.values, self.codes_N[rows_M])

    def replaced(self, texts: "TextColumn") -> "TextColumn":
        """Return the column with each of its values replaced by the text at the same place in another column."""
        return TextColumn(texts.values, texts.codes_N[self.codes_N])

    def are(self, values: Iterable[bool]) -> NDArray[np.bool_]:
        """Return for each row what holds for its text, bool (N,).

        Args:
            values: what holds for each of `values`, in their order.
        """
        return np.fromiter(values, dtype=bool, count=len(self.values))[self.codes_N]

    def are_text(self, text: str) -> NDArray[np.bool_]:
        """Return for each row whether it has this text, bool (N,)."""
        return self.are(value == text for value in self.values)

    def occurring(self) -> list[str]:
        """Return the values that occur, in the order of `values`."""
        occurs = np.bincount(self.codes_N, minlength=len(self.values)) > 0
        return [self.values[place] for place in np.flatnonzero(occurs).tolist()]


class TextTable(dict[str, int]):
    """The different texts of columns so far, and the place of each."""

    def codes(self, texts: Iterable[str]) -> NDArray[np.int32]:
        """Return the place of each text, int32; new ones are added."""
        return np.array([self[text] for text in texts], dtype=np.int32)

    def __missing__(self, text: str) -> int:
        place = self[text] = len(self)
        return place


def sorted_numbers(*columns: TextColumn) -> tuple[NDArray[np.int32], ...]:
    """Number the texts that occur in columns in sorted order.

    Args:
        columns: columns that share their values.

    Returns:
        For each column the number of the text in each row, from 0, int32 (N,).
    """
    values = columns[0].values
    places = dict(zip(values, range(len(values)), strict=True))
    numbers = np.zeros(len(values), dtype=np.int32)
    occurring = [places[text] for text in all_texts(columns)]
    numbers[occurring] = np.arange(len(occurring), dtype=np.int32)
    return tuple(numbers[column.codes_N] for column in columns)


def all_texts(columns: Sequence[TextColumn]) -> list[str]:
    """Return the texts that occur in columns, each once, in sorted order."""
    return sorted({*chain.from_iterable(column.occurring() for column in columns)})
