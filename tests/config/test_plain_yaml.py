"""YAML of plain values; what would grow or repeat is refused in a moment, with its line."""

import time

import pytest

from femb_cli.config.plain_yaml import MOST_CHARACTERS, MOST_DEPTH, read_plain, write_plain

LAUGHS = "[&a [x, x, x, x, x, x, x, x, x, x]" + "".join(
    f", &{name} [{', '.join([f'*{below}'] * 10)}]" for below, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES = "[&a {k: 1}" + "".join(f", &a{i + 1} {{<<: [*a{i or ''}, *a{i or ''}]}}" for i in range(20))


def test_anchors_and_merge_keys_work_as_long_as_they_stay_small():
    assert read_plain("{base: &b {lr: 1, momentum: 2}, optimizer: {<<: *b, lr: 3}}")["optimizer"] == {
        "lr": 3,
        "momentum": 2,
    }
    assert read_plain("") is None
    assert read_plain(write_plain({"a": [1, "1e5", 1e-3]})) == {"a": [1, "1e5", 1e-3]}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (LAUGHS + "]", "line 1, column 172: more than 20,000 values"),
        (MERGES + "]", "more than 20,000 values"),
        ("&a [*a]", "contains itself"),
        ("[" * 40_000, f"nested more than {MOST_DEPTH} levels"),
        ("- " * 20_000, "too deep"),
        ("[" * 35 + "]" * 35, f"nested more than {MOST_DEPTH} levels"),
        ("x" * (MOST_CHARACTERS + 1), "more than 50,000 characters"),
        ("a: 1\nb: 2\na: 3", "line 3, column 1: 'a' is set again, after line 1"),
        ("{a: {'b': 1, b: 2}}", "'b' is set again"),
        ("seed: " + "1" * 5000, "digits"),
        ("!!bool x", "does not fit its type"),
        ("!!timestamp x", "does not fit its type"),
        ("!!python/name:os.system", "line 1, column 1: could not determine a constructor"),
        ("a: \0", "unacceptable character"),
        ("a: b: c", "line 1, column 5: mapping values are not allowed here"),
    ],
)
def test_what_is_no_small_plain_value_is_one_line_in_a_moment(text, words):
    start = time.process_time()
    with pytest.raises(ValueError, match=".") as caught:
        read_plain(text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert time.process_time() - start < 5


@pytest.mark.parametrize("text, value", [("010", 8), ("1:30", 90), ("1_0", 10), ("1:30.5", 90.5), ("-012", -10)])
def test_a_number_that_few_people_expect_is_refused(text, value):
    with pytest.raises(ValueError, match=f"{text} stands for {value}"):
        read_plain(f"steps: {text}")


@pytest.mark.parametrize(
    "text, value", [("0", 0), ("-3", -3), ("0.5", 0.5), ("00.5", 0.5), ("1e-3", 0.001), ("0x10", 16)]
)
def test_other_numbers_are_what_they_look_like(text, value):
    assert read_plain(text) == value


def test_a_text_in_quotes_is_not_a_number():
    assert read_plain("'010'") == "010"
