"""The column of people is chosen by its name and its values."""

import pyarrow as pa
import pytest

from femb_cli.data.person_columns import choose_person_column, ranked_person_columns

PEOPLE, ROWS, SEXES = ["ada", "ada", "bob", "cy"], [0, 1, 2, 3], ["f", "f", "m", "m"]


def choose(**columns: list) -> tuple[str, str]:
    return choose_person_column({name: pa.chunked_array([values]) for name, values in columns.items()})


def test_names_that_mean_a_person_go_before_names_of_any_class_in_every_spelling():
    names = ["id", "age", "Label", "CelebID", "person_id", "class"]
    assert ranked_person_columns(names) == ["person_id", "CelebID", "Label", "class", "id"]


def test_values_that_repeat_go_before_the_numbers_of_rows_and_before_one_value_for_all():
    assert choose(id=ROWS, name=PEOPLE)[0] == "name"
    assert choose(label=[0] * 4, id=PEOPLE)[0] == "id"
    assert choose(id=ROWS, label=[0] * 4)[0] == "id"


def test_a_choice_between_columns_is_said_with_what_the_others_hold():
    column, guess = choose(name=PEOPLE, label=SEXES, id=ROWS)
    assert column == "name"
    assert "the 3 values of the column name" in guess
    assert "label (2 values) or id (another value in each row)" in guess
    assert "--label label" in guess


@pytest.mark.parametrize("numbers", [[7, 7, 3, 9], [0, 0, 1, 2]])
def test_columns_that_divide_the_images_alike_leave_nothing_to_say(numbers):
    assert choose(identity=PEOPLE, label=numbers) == ("identity", "")
