"""Check plain values (from YAML, `--set` or a checkpoint) against the schema, and build its dataclasses.

pydantic checks the values. This module turns its errors into UsageErrors that name the key path and suggest a spelling.
"""

import difflib
import re
import types
import typing
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from femb_cli.config.section import choices, is_by_name
from femb_cli.errors import UsageError
from femb_cli.text import in_plain_words, shown

UNKNOWN_KEY = ("unexpected_keyword_argument", "invalid_key")
"""pydantic's error types for an unknown key."""


def check(tree: Any, schema: Any, where: str = "") -> Any:
    """Build a dataclass of the schema from plain values.

    Args:
        tree: mappings, lists and values.
        schema: a `Section`, or a union of them marked `ByName`.
        where: key path of the tree, for error messages.

    Raises:
        UsageError: a key is unknown, a value does not fit, or the dataclass refuses a combination of values.
    """
    try:
        return _check(tree, schema, where)
    except RecursionError as error:
        raise UsageError(f"{where or 'the configuration'} is nested too deeply") from error


def with_lists(value: Any) -> Any:
    """The value with lists in place of its tuples, as YAML and JSON have them."""
    if isinstance(value, dict):
        return {key: with_lists(item) for key, item in value.items()}
    return [with_lists(item) for item in value] if isinstance(value, tuple) else value


def did_you_mean(text: str, known: Iterable[str], where: str = "") -> str | None:
    """A hint that names the closest known spelling, or None if nothing is close."""
    matches = difflib.get_close_matches(text, list(known), n=1)
    return f"did you mean {_join(where, matches[0])!r}?" if matches else None


def _known(path: str, names: Iterable[str]) -> str:
    """Return where the names are that a section can have: in a list of femb, or here."""
    kind = {"header": "headers", "backbone": "backbones", "augment": "augmentations"}.get(path.partition("[")[0])
    return f"femb list {kind} shows them" if kind else f"choose one of {', '.join(names)}"


def _check(tree: Any, schema: Any, where: str) -> Any:
    try:
        return _adapter(schema).validate_python(_with_tuples(tree))
    except ValidationError as error:
        # An unknown key is reported first: it is often a misspelling that explains the other errors.
        details = sorted(error.errors(), key=lambda item: item["type"] not in UNKNOWN_KEY)
        raise _explain(details[0], schema, where) from error


@cache
def _adapter(schema: Any) -> TypeAdapter[Any]:
    return TypeAdapter(schema)


def _with_tuples(value: Any) -> Any:
    """The value with tuples in place of its lists, as the frozen dataclasses have them."""
    if isinstance(value, dict):
        return {key: _with_tuples(item) for key, item in value.items()}
    return tuple(_with_tuples(item) for item in value) if isinstance(value, list) else value


def _explain(error: ErrorDetails, schema: Any, where: str) -> UsageError:
    """Turn a pydantic error into a UsageError."""
    location, value = error["loc"], with_lists(error["input"])
    if error["type"] in UNKNOWN_KEY:
        path, section = _locate(location[:-1], schema, where)
        key = str(location[-1])
        _, union = _locate(location[:-2], schema, where)
        return UsageError(
            f"unknown setting {shown(_join(path, key))}", hint=_where_it_belongs(key, path, section, union)
        )
    path, annotation = _locate(location, schema, where)
    match error["type"]:
        case "union_tag_invalid":
            name, names = value["name"], choices(annotation)
            return UsageError(
                f"unknown {path or 'entry'} {shown(name)}",
                hint=_of_the_same_depth(str(name), names) or did_you_mean(str(name), names) or _known(path, names),
            )
        case "model_attributes_type":
            return UsageError(f"{path or 'the entry'} must be a name or a mapping, not {shown(value)}")
        case "tuple_type" if is_by_name(item := typing.get_args(annotation)[0]):
            first, second = list(choices(item))[:2]
            return UsageError(
                f"{path} must be a list, not {shown(value)}",
                hint=f"write names, and mappings for their settings: {path}: [{first}, {{name: {second}, ...}}]",
            )
        case "dataclass_type":
            return UsageError(f"{path or 'the configuration'} must be a mapping, not {shown(value)}")
    return UsageError(f"{path} = {shown(value)}: {in_plain_words(error['msg']).lower()}")


def _where_it_belongs(key: str, path: str, section: Any, union: Any) -> str:
    """Return a hint for a key that a section does not have: another spelling, or where this one is known.

    Args:
        key: the key.
        path: key path of the section.
        section: the dataclass.
        union: what is around the section: the union of which it is an entry, or another dataclass.
    """
    known = [item.name for item in fields(section)]
    if is_by_name(union):
        if key in choices(union):
            return f"write {{name: {key}, ...}}"
        others = [name for name, entry in choices(union).items() if key in {item.name for item in fields(entry)}]
        if others:
            return f"{key} is a setting of {', '.join(others)}"
    if (spelling := did_you_mean(key, known, path)) is not None:
        return spelling
    deeper = [_join(path, f"{name}.{key}") for name, inside in _sections_of(section) if key in inside]
    return f"did you mean {deeper[0]!r}?" if deeper else _all_known(known)


def _all_known(known: Iterable[str]) -> str:
    listed = f"known here: {', '.join(known)}"
    return listed if len(listed) <= 74 else "femb config shows all settings"


def _sections_of(section: Any) -> Iterable[tuple[str, set[str]]]:
    """Yield the name of each section inside a section, and the keys that it or one of its entries has."""
    for name, annotation in typing.get_type_hints(section, include_extras=True).items():
        inside = _without_none(annotation)
        entries = choices(inside).values() if is_by_name(inside) else [inside] if is_dataclass(inside) else []
        yield name, {item.name for entry in entries for item in fields(entry)}


def _of_the_same_depth(name: str, known: Iterable[str]) -> str | None:
    """Return a hint that names the networks of the same number of layers: `r50` is what many projects call theirs."""
    layers = re.search(r"\d+$", name)
    same = [repr(other) for other in known if layers and re.search(r"\d+$|$", other)[0] == layers[0]]  # type: ignore[index]
    return f"did you mean {' or '.join(same)}?" if same else None


def _locate(location: Iterable[int | str], schema: Any, where: str) -> tuple[str, Any]:
    """Convert a pydantic error location to a key path; return it with the schema at that place.

    After a union, pydantic's location contains the chosen entry's name, which the key path leaves out.
    """
    path, annotation = where, schema
    for step in location:
        annotation = _without_none(annotation)
        if is_by_name(annotation):
            annotation = choices(annotation)[str(step)]
        elif is_dataclass(annotation):
            path = _join(path, str(step))
            annotation = typing.get_type_hints(annotation, include_extras=True)[str(step)]
        elif isinstance(step, int):
            path = f"{path}[{step}]"
            annotation = typing.get_args(annotation)[0]
    return path, _without_none(annotation)


def _without_none(annotation: Any) -> Any:
    """`X` of `X | None`."""
    if typing.get_origin(annotation) not in (typing.Union, types.UnionType):
        return annotation
    members = [member for member in typing.get_args(annotation) if member is not types.NoneType]
    return members[0] if len(members) == 1 else annotation


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key
