"""Names of embeddings as text."""

import pytest

from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings.names import name_lines, names_from_text


def test_names_come_back_as_they_were():
    names = ["", "a\u2028b", "\ufeffc", "d\r", " e "]
    assert names_from_text(b"".join(name_lines(names)), as_written=True) == names


@pytest.mark.parametrize("name", ["a\nb", "a\udcffb"])
def test_a_name_that_is_not_one_line_of_text_is_refused(name):
    with pytest.raises(FembError, match="the name 'a.*b'"):
        list(name_lines(["fine", name]))


def test_no_text_has_no_names():
    assert names_from_text(b"", as_written=False) == names_from_text(b"", as_written=True) == []
