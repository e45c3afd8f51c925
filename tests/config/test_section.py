"""Unions whose entries are chosen by name, and how pydantic reads a section."""

from dataclasses import dataclass
from typing import Annotated, Literal

import pytest
from pydantic import TypeAdapter, ValidationError

from femb_cli.config.schema import BackboneConfig, HeaderConfig
from femb_cli.config.section import ByName, Section, choices


@dataclass(frozen=True)
class Blur(Section):
    name: Literal["blur", "sharpen"] = "sharpen"
    radius: float = 1.0


@dataclass(frozen=True)
class Flip(Section):
    name: Literal["flip"] = "flip"


@dataclass(frozen=True)
class Steps(Section):
    first: Annotated[Blur | Flip, ByName()]
    only: Annotated[Flip, ByName()] = Flip()


def test_choices_of_a_union_are_all_its_names():
    margins = {"linear", "arcface", "cosface", "combined", "sphereface", "magface", "elasticface"}
    assert set(choices(HeaderConfig)) == margins | {"adaface", "curricularface"}
    assert {"iresnet18", "iresnet200", "mobilefacenet", "mbf_large"} <= set(choices(BackboneConfig))


def test_choices_keep_the_order_of_the_union():
    expected = {"blur": Blur, "sharpen": Blur, "flip": Flip}
    assert choices(Annotated[Blur | Flip, ByName()]) == choices(Blur | Flip) == expected
    assert list(choices(Blur | Flip)) == list(expected)
    assert choices(Flip) == {"flip": Flip}


@pytest.mark.parametrize(
    ("value", "entry"),
    [
        ("flip", Flip()),
        ("blur", Blur(name="blur")),
        ({"name": "blur", "radius": 2}, Blur(name="blur", radius=2.0)),
        ({"radius": 2.5}, Blur(radius=2.5)),
        ({}, Blur()),
    ],
)
def test_a_name_chooses_the_dataclass_and_the_first_is_the_default(value, entry):
    assert TypeAdapter(Steps).validate_python({"first": value}).first == entry


def test_a_union_of_one_is_chosen_by_name_too():
    assert TypeAdapter(Steps).validate_python({"first": "flip", "only": "flip"}) == Steps(Flip())


@pytest.mark.parametrize(
    "value", [{"radius": "1"}, {"radius": True}, {"radius": float("nan")}, {"radius": 1, "x": 1}, "turn", 3, None]
)
def test_values_are_strict_and_keys_are_known(value):
    with pytest.raises(ValidationError):
        TypeAdapter(Steps).validate_python({"first": value})
