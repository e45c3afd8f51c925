"""Plain values to checked dataclasses, and the errors that name the key."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

import pytest
from annotated_types import Ge, Gt, Le

from femb_cli.config.check import check, did_you_mean
from femb_cli.config.section import ByName, Section
from femb_cli.errors import UsageError


@dataclass(frozen=True)
class Flip(Section):
    name: Literal["flip"] = "flip"
    probability: Annotated[float, Ge(0), Le(1)] = 0.5


@dataclass(frozen=True)
class Rotate(Section):
    name: Literal["rotate"] = "rotate"
    degrees: float = 10.0
    centre: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        if self.degrees > 360:
            raise UsageError("more than a full turn", hint="stay below 360")


Augmentation = Annotated[Flip | Rotate, ByName()]


@dataclass(frozen=True)
class Limits(Section):
    count: Annotated[int, Gt(0)] = 1
    sizes: tuple[Annotated[int, Gt(0)], ...] = ()


@dataclass(frozen=True)
class Pipeline(Section):
    augmentations: tuple[Augmentation, ...] = ()
    last: Augmentation | None = None
    limits: Limits = field(default_factory=Limits)


def refusal(tree, schema=Pipeline, where=""):
    with pytest.raises(UsageError) as caught:
        check(tree, schema, where)
    return caught.value.message, caught.value.hint


def test_a_list_of_entries_is_a_tuple_of_dataclasses():
    tree = {"augmentations": ["flip", {"degrees": 5, "name": "rotate", "centre": [1, 2.5]}, {"probability": 1}]}
    assert check(tree, Pipeline).augmentations == (Flip(), Rotate(degrees=5.0, centre=(1.0, 2.5)), Flip(probability=1))


def test_nothing_is_all_defaults():
    assert check({}, Pipeline) == Pipeline()


@pytest.mark.parametrize("value", [None, "rotate", {"name": "rotate"}])
def test_an_optional_entry_is_an_entry_or_null(value):
    assert check({"last": value}, Pipeline).last == (None if value is None else Rotate())


@pytest.mark.parametrize(
    ("tree", "message", "hint"),
    [
        ({"augmentation": []}, "unknown setting 'augmentation'", "'augmentations'"),
        ({"degrees": 3}, "unknown setting 'degrees'", "'last.degrees'"),
        ({"last": {"name": "flip", "degrees": 3}}, "unknown setting 'last.degrees'", "degrees is a setting of rotate"),
        ({"limits": {"cuont": 3}}, "unknown setting 'limits.cuont'", "'limits.count'"),
        ({"limits": {"zzz": 3}}, "unknown setting 'limits.zzz'", "known here: count, sizes"),
        ({3: 4}, "unknown setting '3'", "known here: augmentations"),
        ({"augmentations": [{"probabilty": 1}]}, "unknown setting 'augmentations[0].probabilty'", "[0].probability'"),
        ({"augmentations": ["flip", "rotat"]}, "unknown augmentations[1] 'rotat'", "'rotate'"),
        (
            {"augmentations": [{"rotate": {"degrees": 1}}]},
            "unknown setting 'augmentations[0].rotate'",
            "{name: rotate,",
        ),
        ({"last": {"name": "turn"}}, "unknown last 'turn'", "choose one of flip, rotate"),
        ({"last": {"name": "rotate", "degree": 1}}, "unknown setting 'last.degree'", "'last.degrees'"),
    ],
)
def test_a_misspelling_is_named_with_its_place_and_the_closest_spelling(tree, message, hint):
    said, suggested = refusal(tree)
    assert said.startswith(message)
    assert hint in suggested


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"limits": {"count": 0}}, "limits.count = 0: it has to be greater than 0"),
        ({"limits": {"count": "1"}}, "limits.count = '1': it has to be a whole number"),
        ({"limits": {"count": True}}, "limits.count = True: it has to be a whole number"),
        ({"limits": {"count": 1.0}}, "limits.count = 1.0: it has to be a whole number"),
        ({"limits": {"sizes": [1, -2]}}, "limits.sizes[1] = -2: it has to be greater than 0"),
        ({"limits": {"sizes": 3}}, "limits.sizes = 3: it has to be a list"),
        ({"limits": 3}, "limits must be a mapping, not 3"),
        ({"last": 3}, "last must be a name or a mapping, not 3"),
        ({"last": {"degrees": float("inf"), "name": "rotate"}}, "last.degrees = inf: it has to be a finite number"),
        ({"augmentations": [{"name": "rotate", "centre": [1, "x"]}]}, "augmentations[0].centre[1] = 'x': it has to be"),
        ([1], "the configuration must be a mapping, not [1]"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_its_place(tree, message):
    assert refusal(tree)[0].startswith(message)


@pytest.mark.parametrize("value", ["flip", {"flip": 0.5}, None, 0])
def test_what_must_be_a_list_of_entries_is_answered_with_an_example(value):
    assert refusal({"augmentations": value}) == (
        f"augmentations must be a list, not {value!r}",
        "write names, and mappings for their settings: augmentations: [flip, {name: rotate, ...}]",
    )


def test_an_unknown_key_is_said_before_a_bad_value():
    assert refusal({"limits": {"count": "1"}, "lst": 1})[0] == "unknown setting 'lst'"


def test_what_a_dataclass_refuses_itself_comes_through_unchanged():
    assert refusal({"last": {"name": "rotate", "degrees": 400}}) == ("more than a full turn", "stay below 360")


def test_the_place_of_the_tree_is_part_of_the_message():
    assert refusal({"probability": 2}, Augmentation, "first")[0].startswith("first.probability = 2: ")
    assert refusal("flop", Augmentation, "first") == (
        "unknown first 'flop'",
        "did you mean 'flip'?",
    )


def test_a_suggestion_needs_something_close():
    assert did_you_mean("margn", ["margin", "scale"], "header") == "did you mean 'header.margin'?"
    assert did_you_mean("zzz", ["margin", "scale"]) is None
