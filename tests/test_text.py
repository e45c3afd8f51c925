"""Lines of text, and what is shown of it."""

import json

import pytest

from femb_cli.text import (
    counted,
    cut,
    left_out,
    lines_of,
    no_face_sentence,
    per_second,
    printable,
    printable_json,
    rate_text,
    shown,
)


def test_only_line_feeds_end_a_line():
    assert lines_of("a\u2028b\r\nc\x0bd\x0ce\x85f\n\ng") == ["a\u2028b", "c\x0bd\x0ce\x85f", "", "g"]
    assert lines_of("a\n") == ["a"]
    assert lines_of("") == []


def test_control_characters_are_written_as_escapes():
    assert printable("a\tb\nc\x1b[31m\x07\x9b\u202ed\udcff\u00e9") == "a\tb\nc\\x1b[31m\\x07\\x9b\\u202ed\\udcff\u00e9"


def test_a_json_document_keeps_its_meaning():
    data = {"a\x7f": "\u202eb\udcff\u00e9\n"}
    document = printable_json(json.dumps(data, ensure_ascii=False, indent=2))
    assert json.loads(document) == data
    assert document == printable(document)


@pytest.mark.parametrize("value", ["x" * 10_000, list(range(10_000)), [1 << 100_000]], ids=["text", "list", "number"])
def test_a_long_value_is_shown_in_short(value):
    assert len(shown(value)) < 250
    assert cut("abc") == "abc"


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (1e-3, "1e-3"),
        (1e-2, "1e-2"),
        (0.1, "1e-1"),
        (0.05, "0.05"),
        (5e-4, "5e-4"),
        (0.0, "0"),
        (1.0, "1"),
        (3 / 594, "5.05051e-3"),
    ],
)
def test_rates_are_written_as_the_field_does(rate, text):
    assert rate_text(rate) == text


def test_an_image_that_is_left_out_is_named_once():
    assert left_out("a.jpg", "a.jpg is cut short") == "left out a.jpg, which is cut short"
    assert left_out("a.jpg", "cannot read the image 'b/a.jpg'") == "left out a.jpg: cannot read the image 'b/a.jpg'"


def test_one_thing_is_singular_and_slow_rates_have_a_decimal():
    assert [counted(1, "step"), counted(2000, "step"), counted(2, "process")] == [
        "1 step",
        "2,000 steps",
        "2 processes",
    ]
    assert counted(3, "person", "people") == "3 people"
    assert [per_second(rate) for rate in (0.42, 9.96, 2871.0)] == ["0.4", "10", "2 871"]


def test_the_first_names_of_a_list_are_shown():
    names = [f"{number}.jpg" for number in range(7)]
    shown = "no face in 7 of 9 photos, left out: 0.jpg, 1.jpg, 2.jpg, 3.jpg, 4.jpg and 2 more"
    assert no_face_sentence(names, 9, "") == shown
    assert no_face_sentence(names, 9, "--json names all") == f"{shown} (--json names all)"
    assert no_face_sentence(names[:1], 1, "") == "no face in 1 of 1 photo, left out: 0.jpg"
