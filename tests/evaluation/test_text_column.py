"""Columns of texts that repeat."""

import numpy as np

from femb_cli.evaluation.text_column import TextColumn, all_texts, sorted_numbers


def test_a_column_is_a_sequence_of_its_texts():
    column = TextColumn.of(["b", "a", "b"])
    assert (column.values, column.codes_N.tolist(), column.codes_N.dtype) == (("b", "a"), [0, 1, 0], np.int32)
    assert (column[1], column[1:], list(column), len(column)) == ("a", ("a", "b"), ["b", "a", "b"], 3)
    assert column == TextColumn(("a", "b"), np.array([1, 0, 1], dtype=np.int32))
    assert column != ("b", "a")


def test_both_sides_share_their_values():
    left, right = TextColumn.of_both(["b", "c"], ["c", "a"])
    assert left.values is right.values
    assert all_texts((left, right)) == ["a", "b", "c"]
    assert [each.tolist() for each in sorted_numbers(left, right)] == [[1, 2], [2, 0]]


def test_columns_are_joined_and_replaced_by_their_texts():
    joined = TextColumn.joined([TextColumn.of(["b", "a"]), TextColumn.of(["c", "b"])])
    assert joined == ("b", "a", "c", "b")
    upper = joined.replaced(TextColumn.of("A" if value in "ab" else "C" for value in joined.values))
    assert (upper, upper.values) == (("A", "A", "C", "A"), ("A", "C"))


def test_only_texts_that_occur_are_numbered():
    column = TextColumn.of(["c", "a", "b"]).take(np.array([0, 2]))
    assert column.occurring() == ["c", "b"]
    assert sorted_numbers(column)[0].tolist() == [1, 0]
