"""Names are found as written, or else in another Unicode form."""

import unicodedata

import pytest

from femb_cli.data.names import AMBIGUOUS, MISSING, PlacesOfNames, composed

COMPOSED, DECOMPOSED = "Jos\u00e9", "Jose\u0301"


def test_a_name_is_found_in_its_other_form():
    assert PlacesOfNames(["Ann", DECOMPOSED]).find(COMPOSED) == 1
    assert PlacesOfNames([COMPOSED, "Ann"]).find(DECOMPOSED) == 0
    assert PlacesOfNames(["Jose"]).find(COMPOSED) == MISSING


def test_two_names_that_differ_in_their_form_only_stay_two():
    places = PlacesOfNames([DECOMPOSED, COMPOSED])
    assert (places.find(COMPOSED), places.find(DECOMPOSED)) == (1, 0)


def test_a_third_form_of_two_names_is_ambiguous_as_is_a_name_that_is_there_twice():
    third = "\u1ea5"  # a, circumflex and acute: the decomposed form and a half of it are two others
    half, apart = "\u00e2\u0301", unicodedata.normalize("NFD", third)
    assert PlacesOfNames([half, apart]).find(third) == AMBIGUOUS
    assert PlacesOfNames(["a", "a"]).find("a") == AMBIGUOUS


@pytest.mark.parametrize("name", ["Ann", COMPOSED, DECOMPOSED])
def test_the_composed_form_is_unicodes_own(name):
    assert composed(name) == unicodedata.normalize("NFC", name)
