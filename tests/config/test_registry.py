"""Entries of the configuration's unions: made from a name, and built into what they stand for."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import pytest

from femb_cli.config.registry import build, make, parse_entry
from femb_cli.config.schema import BackboneConfig, HeaderConfig, IResNetConfig, MagFaceConfig
from femb_cli.config.section import Section, choices
from femb_cli.errors import UsageError
from femb_cli.headers import Header


def test_make_checks_like_a_file():
    assert make(HeaderConfig, "magface", l_a=5) == MagFaceConfig(l_a=5.0)
    with pytest.raises(UsageError, match="l_a"):
        make(HeaderConfig, "magface", l_a=-5)


def test_an_entry_is_parsed_from_a_mapping_and_named_in_errors():
    tree = {"name": "iresnet18", "width": 0.25}
    assert parse_entry(tree, BackboneConfig, "backbone") == IResNetConfig(name="iresnet18", width=0.25)
    assert tree == {"name": "iresnet18", "width": 0.25}
    with pytest.raises(UsageError, match=r"backbone\.width"):
        parse_entry({"name": "iresnet18", "width": 0}, BackboneConfig, "backbone")


@pytest.mark.parametrize("tree", ["iresnet18", 3, None])
def test_only_a_mapping_is_parsed_as_an_entry(tree):
    with pytest.raises((TypeError, ValueError)):
        parse_entry(tree, BackboneConfig)


def test_build_calls_the_implementation_with_the_values():
    header = build(MagFaceConfig(u_a=90.0))
    assert (type(header).__name__, header.u_a) == ("MagFace", 90.0)


@dataclass(frozen=True)
class OneName(Section):
    name: Literal["one"] = "one"
    b: int = 2
    implementation: ClassVar[str] = "builtins:dict"


@dataclass(frozen=True)
class TwoNames(Section):
    name: Literal["two", "three"] = "two"
    b: int = 2
    implementation: ClassVar[str] = "builtins:dict"


def test_the_name_is_passed_on_where_several_share_the_dataclass():
    assert build(OneName()) == {"b": 2}
    assert build(TwoNames(name="three"), {"a": 1}) == {"a": 1, "name": "three", "b": 2}


@pytest.mark.parametrize("name", choices(HeaderConfig))
def test_every_header_can_be_built_with_its_defaults(name):
    assert isinstance(build(make(HeaderConfig, name)), Header)
