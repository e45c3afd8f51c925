"""The person that a name states."""

import pytest

from femb_cli.errors import FembError
from femb_cli.search.people import check_people, person_of


def test_the_folder_of_an_image_is_its_person():
    assert [*map(person_of, ("anna/1.jpg", "set/anna/1.jpg", "1.jpg"))] == ["anna", "anna", "1.jpg"]


def test_names_without_folders_state_no_people():
    check_people(["1.jpg", "anna/1.jpg"], "faces.npy")
    with pytest.raises(FembError, match=r"the names of faces.npy state no people: the first is '1.jpg'"):
        check_people(["1.jpg", "2.jpg"], "faces.npy")
