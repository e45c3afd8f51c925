"""The modes of template verification."""

import pytest
from template_cases import MODES

from femb_cli.errors import FembError
from femb_cli.evaluation.templates.mode import TemplateMode


@pytest.mark.parametrize("text", ["", "N1", "N2D1F1", "n1d1f1", "N1D1F1 "])
def test_a_mode_that_is_none_is_refused(text):
    with pytest.raises(FembError, match="no template mode"):
        TemplateMode.parse(text)


@pytest.mark.parametrize("text", [*MODES, "N1D0"])
def test_a_mode_is_written_as_it_is_read(text):
    assert str(TemplateMode.parse(text)) == text
