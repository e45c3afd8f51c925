"""The schema's unions as a registry: build a header, backbone or optimizer from its name or its configuration.

There is no other list of implementations. Each dataclass of the schema says in `implementation` what is built from it.
"""

from collections.abc import Collection, Mapping
from dataclasses import fields
from importlib import import_module
from typing import Any

from femb_cli.config.check import check
from femb_cli.config.section import choices


def make(union: Any, name: str, **parameters: Any) -> Any:
    """The configuration of one entry of a union, from its name and keyword parameters.

    Raises:
        UsageError: the name or a parameter is unknown, or a value does not fit.
    """
    return check({"name": name, **parameters}, union)


def parse_entry(tree: Mapping[str, Any], union: Any, where: str = "") -> Any:
    """The configuration of one entry of a union, from a mapping; `where` is its key path in error messages.

    Raises:
        UsageError: the name or a key is unknown, or a value does not fit.
    """
    return check(dict(tree), union, where)


def build(entry: Any, *arguments: Any, without: Collection[str] = ()) -> Any:
    """Build what an entry configures: call its `implementation` with the arguments and the entry's values.

    The entry's name is passed on only where several names share the dataclass, as the IResNets do.

    Args:
        entry: the configuration.
        arguments: the first arguments of the call.
        without: values that the implementation does not take.
    """
    module, _, attribute = entry.implementation.partition(":")
    values = {item.name: getattr(entry, item.name) for item in fields(entry) if item.name not in without}
    if len(choices(type(entry))) == 1:
        del values["name"]
    return getattr(import_module(module), attribute)(*arguments, **values)
