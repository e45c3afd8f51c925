"""The base of the schema's sections: how pydantic checks them, and how `name` chooses a section of a union.

The schema is also read by `femb list` and by shell completion, so this module imports pydantic only to check values.
"""

import re
import types
import typing
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, cast

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema


class Section:
    """Base of the schema's dataclasses; in YAML a section is a mapping.

    Values are checked without conversion ("1" is not a number); unknown keys, infinity and NaN are refused.
    """

    __pydantic_config__: ClassVar = {"strict": True, "extra": "forbid", "allow_inf_nan": False}

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: "GetCoreSchemaHandler") -> "CoreSchema":
        """Let pydantic build the section from a mapping; strict alone would ask for an instance of the dataclass."""
        schema = handler(source)
        cast(dict[str, Any], handler.resolve_ref_schema(schema))["strict"] = False
        return schema


class ByName:
    """Marks a union of sections, as in `Annotated[A | B, ByName()]`: the value of `name` chooses the section.

    A plain text means the section of that name with its defaults: `header: magface` is `header: {name: magface}`.
    A mapping without a name means the first section of the union.
    """

    def __get_pydantic_core_schema__(self, source: Any, handler: "GetCoreSchemaHandler") -> "CoreSchema":
        """Tell pydantic that `name` is the discriminator, and how to fill it in."""
        from pydantic_core import core_schema

        entries = choices(source)
        schemas = {entry: handler.generate_schema(entry) for entry in dict.fromkeys(entries.values())}
        default = next(iter(schemas)).name

        def fill_in_name(value: Any) -> Any:
            if isinstance(value, str):
                return {"name": value}
            return {"name": default, **value} if isinstance(value, dict) else value

        by_name = {name: schemas[entry] for name, entry in entries.items()}
        return core_schema.no_info_before_validator_function(
            fill_in_name, core_schema.tagged_union_schema(by_name, discriminator="name")
        )


class Duration:
    """Marks a length within a run: a share of it from 0 to 1, or a text such as `1000 steps` or `2.5 epochs`."""

    TEXT: ClassVar = re.compile(r"(\d+(?:\.\d+)?) (step|epoch)s?")

    def __get_pydantic_core_schema__(self, source: Any, handler: "GetCoreSchemaHandler") -> "CoreSchema":
        """Tell pydantic how to check a length."""
        from pydantic_core import PydanticCustomError, core_schema

        def check(value: Any) -> Any:
            is_share = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
            if is_share or (isinstance(value, str) and self.TEXT.fullmatch(value)):
                return value
            raise PydanticCustomError("length_in_run", "a share of the run from 0 to 1, or as '1000 steps', '2 epochs'")

        return core_schema.no_info_plain_validator_function(check)

    @classmethod
    def in_steps(cls, value: float | str, steps: int, steps_per_epoch: float) -> float:
        """Return a length in steps.

        Args:
            value: a share of the run, or a text.
            steps: steps of the run.
            steps_per_epoch: steps of a pass over the data.
        """
        if not isinstance(value, str):
            return value * steps
        match = cls.TEXT.fullmatch(value)
        assert match is not None, "lengths are checked when the configuration is read"
        return float(match[1]) * (1 if match[2] == "step" else steps_per_epoch)


def is_by_name(annotation: Any) -> bool:
    """Whether a type is a union of sections that is marked `ByName`."""
    is_annotated = typing.get_origin(annotation) is Annotated
    return is_annotated and any(isinstance(item, ByName) for item in annotation.__metadata__)


def choices(union: Any) -> dict[str, Any]:
    """The entries of a union of sections: every name to its dataclass. One dataclass may have several names."""
    if typing.get_origin(union) is Annotated:
        union = typing.get_args(union)[0]
    is_union = typing.get_origin(union) in (typing.Union, types.UnionType)
    members = typing.get_args(union) if is_union else (union,)
    return {name: member for member in members for name in typing.get_args(typing.get_type_hints(member)["name"])}
