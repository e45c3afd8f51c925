"""The checks that both formats of a pair file share."""

from pathlib import Path

import pytest

from femb_cli.evaluation.verification.pair_formats.line import damaged, inner_parts, shorten


@pytest.mark.parametrize("name", ["a/b.jpg", "a\\b.jpg", "./a/b.jpg", "a//b.jpg"])
def test_a_relative_path_has_its_parts(name):
    assert inner_parts(name) == ("a", "b.jpg")


@pytest.mark.parametrize("name", ["", ".", "/a", "\\a", "C:a", "C:\\a", "\\\\host\\share\\a", "../a", "a/../b", "a\0b"])
def test_a_path_that_leaves_its_folder_has_none(name):
    assert inner_parts(name) == ()


def test_long_text_is_cut():
    assert shorten("a b") == "'a b'"
    assert len(shorten("x" * 10_000)) < 70


def test_an_error_begins_with_the_file_and_the_line():
    assert damaged(Path("pairs.txt"), 7, "no fold").message == "pairs.txt, line 7: no fold"
