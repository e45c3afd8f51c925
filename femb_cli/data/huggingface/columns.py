"""Find the columns of images and labels in a table, and read the identities from the labels.

Shapes: N images.
"""

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from femb_cli.data.identities import Identities, identities_from_values
from femb_cli.errors import FembError

if TYPE_CHECKING:
    import pyarrow as pa

LABEL_COLUMNS = ("label", "labels", "identity", "id", "person", "target", "class")
_LARGEST_LABEL = 2**23
_DAMAGED = "they are damaged: make the dataset again"


@dataclass(frozen=True)
class Columns:
    """The columns of a table of images.

    Attributes:
        image: Name of the column of encoded images.
        has_paths: Whether an image is a struct of `bytes` and `path`, rather than plain bytes.
        label: Name of the column of identities; None if nobody says who is shown.
        label_names: Name of each label; None if the labels are text or plain numbers.
        extra: Names of all other columns.
        described: Name and type of each column, for error messages.
    """

    image: str
    has_paths: bool
    label: str | None
    label_names: tuple[str, ...] | None
    extra: tuple[str, ...]
    described: str = field(default="", compare=False)


def find_columns(schema: "pa.Schema", place: object) -> Columns:
    """Find the images and the labels by their types and names.

    The images are the column of structs with `bytes` and `path`; without such a column they are the column of bytes.
    If there are several, they are the one called `image`. The labels are the first of `LABEL_COLUMNS` that holds
    integers or text; a table may have none.

    Args:
        schema: The schema of the table, with Hugging Face's metadata if it has any.
        place: Where the table is, for error messages.

    Raises:
        FembError: No column or several could be the images, or the name of a column is not valid text.
    """
    import pyarrow as pa

    try:
        _decode_names(pa.struct(list(schema)))
    except UnicodeDecodeError as error:
        raise FembError(f"{place} has a column whose name is not valid text: {error}", hint=_DAMAGED) from error
    structs = [field.name for field in schema if _is_image_struct(field.type)]
    candidates = structs or [field.name for field in schema if _is_binary(field.type)]
    images = candidates if len(candidates) == 1 else [name for name in candidates if name == "image"]
    if not images:
        found = f"{len(candidates)} columns of images" if candidates else "no column of images"
        raise FembError(
            f"{place} has {found}; its columns are {_describe(schema)}",
            hint="let one column hold encoded images (a struct of bytes and path, or binary), and name it image",
        )
    labels = (name for name in LABEL_COLUMNS if name in schema.names and _is_label(schema.field(name).type))
    label = next(labels, None)
    names = None if label is None else _class_names(schema, label, place)
    extra = tuple(name for name in schema.names if name not in (images[0], label))
    return Columns(images[0], bool(structs), label, names, extra, _describe(schema))


def identities_of(labels_N: "pa.ChunkedArray", names: tuple[str, ...] | None, place: object) -> Identities:
    """Read a column of labels: text is the name of an identity, an integer its number; null means unknown.

    Integers are kept as stored, so that a gap in them stays visible.

    Args:
        labels_N: Text or integers.
        names: Name of each integer; None names them by their numbers.
        place: Where the labels are, for error messages.

    Raises:
        FembError: A label has no name, or is too large: there is one identity for each number up to the largest.
    """
    if is_text(labels_N.type):
        return identities_from_values(labels_N)
    numbers_N = labels_N.cast("int64").fill_null(-1).to_numpy()
    largest = int(numbers_N.max(initial=-1))
    if largest >= (_LARGEST_LABEL if names is None else len(names)):
        reason = ", which is too large" if names is None else f", but names for {len(names)} only"
        raise FembError(f"{place} has the label {largest}{reason}", hint="labels should count from 0")
    return Identities([str(label) for label in range(largest + 1)] if names is None else list(names), numbers_N)


def are_unique(values: "pa.ChunkedArray") -> bool:
    """Whether no value is null and all are different."""
    import pyarrow.compute as pc

    return values.null_count == 0 and pc.count_distinct(values).as_py() == len(values)


def is_text(kind: "pa.DataType") -> bool:
    """Whether a column of this type holds text."""
    import pyarrow.types as types

    return types.is_string(kind) or types.is_large_string(kind)


def _is_binary(kind: "pa.DataType") -> bool:
    import pyarrow.types as types

    return types.is_binary(kind) or types.is_large_binary(kind)


def _is_image_struct(kind: "pa.DataType") -> bool:
    import pyarrow.types as types

    if not types.is_struct(kind):
        return False
    fields = {field.name: field.type for field in kind}
    return "path" in fields and "bytes" in fields and _is_binary(fields["bytes"])


def _is_label(kind: "pa.DataType") -> bool:
    import pyarrow.types as types

    return types.is_integer(kind) or is_text(kind)


def _decode_names(kind: "pa.DataType") -> None:
    """Read the name of every field at every depth: Arrow decodes a name only on access, and fails there."""
    for inner in map(kind.field, range(kind.num_fields)):
        _ = inner.name
        _decode_names(inner.type)


def _class_names(schema: "pa.Schema", label: str, place: object) -> tuple[str, ...] | None:
    """Return the names of the labels in Hugging Face's metadata; None if there are none."""
    metadata = (schema.metadata or {}).get(b"huggingface")
    if metadata is None:
        return None
    try:
        names = json.loads(metadata)["info"]["features"].get(label, {}).get("names")
    # Other JSON, or text that is not JSON, raises any of these.
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise FembError(f"{place} has invalid Hugging Face metadata: {error!r}", hint=_DAMAGED) from error
    if names is None:
        return None
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise FembError(f"{place} has label names that are not a list of text", hint=_DAMAGED)
    return tuple(names)


def _describe(schema: "pa.Schema") -> str:
    return ", ".join(f"{field.name} ({field.type})" for field in schema)
