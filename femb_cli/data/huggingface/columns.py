"""Find the columns of images and people in a table, and read the identities from the labels.

Shapes: N images.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from femb_cli.data.dataset_info import has_dataset_info
from femb_cli.data.identities import FoundPeople, Identities, identities_from_values
from femb_cli.data.person_columns import choose_person_column, plain_name, ranked_person_columns
from femb_cli.data.read_as import AS_FOUND, ReadAs
from femb_cli.errors import FembError

if TYPE_CHECKING:
    import pyarrow as pa

IMAGE_COLUMNS = ("image", "img", "jpg", "jpeg", "png", "webp", "face", "photo", "picture")
_DAMAGED = "they are damaged: make the dataset again"


class NoImageColumnError(FembError):
    """A table has no column that may hold images."""


@dataclass(frozen=True)
class Columns:
    """The columns of a table of images.

    Attributes:
        image: Name of the column of encoded images.
        has_paths: Whether an image is a struct of `bytes` and `path`, rather than plain bytes.
        people: Names of the columns that may say who is shown, the likeliest first.
        class_names: Name of each label, for those of `people` that Hugging Face's metadata describes.
        others: Names of all columns but the images.
        described: Name and type of each column, for error messages.
        guess: What femb took for the images, where other columns could be meant; else empty.
    """

    image: str
    has_paths: bool
    people: tuple[str, ...]
    class_names: Mapping[str, tuple[str, ...]]
    others: tuple[str, ...]
    described: str = field(default="", compare=False)
    guess: str = ""


def find_columns(schema: "pa.Schema", place: object, read_as: ReadAs = AS_FOUND) -> Columns:
    """Find the images and the people by the types and names of columns.

    The images are the column of structs with `bytes` and `path`; without such a column they are the column of bytes.
    If there are several, they are the first of `IMAGE_COLUMNS`. People may be in any column of numbers or text whose
    name is one of `PERSON_COLUMNS`, first those with class names; a table may have none.

    Args:
        schema: The schema of the table, with Hugging Face's metadata if it has any.
        place: Where the table is, for error messages.
        read_as: The columns that the user names.

    Raises:
        FembError: No column or several could be the images, the name of a column is not valid text or is repeated, or a
            column that the user names is missing or of another kind.
    """
    import pyarrow as pa

    try:
        _decode_names(pa.struct(list(schema)))
    except UnicodeDecodeError as error:
        raise FembError(f"{place} has a column whose name is not valid text: {error}", hint=_DAMAGED) from error
    if doubled := sorted({name for name in schema.names if schema.names.count(name) > 1}):
        raise FembError(
            f"{place} has several columns called {doubled[0]!r}; its columns are {_describe(schema)}",
            hint="rename one of them",
        )
    for option, name in (("--label", read_as.label), ("--image-column", read_as.image_column)):
        if name is not None and name not in schema.names:
            raise FembError(
                f"{place} has no column {name!r}; its columns are {_describe(schema)}",
                hint=f"name one: {option} COLUMN",
            )
    image, guess = _image_column(schema, place, read_as.image_column)
    others = tuple(name for name in schema.names if name != image)
    people = tuple(name for name in ranked_person_columns(others) if _is_label(schema.field(name).type))
    if read_as.label is not None:
        people = (read_as.label,)
        if not _is_label(schema.field(read_as.label).type) or read_as.label == image:
            raise FembError(
                f"the column {read_as.label!r} of {place} holds {schema.field(read_as.label).type}, which names nobody",
                hint=f"numbers and text do; its columns are {_describe(schema)}",
            )
    names = class_names(schema, people, place)
    people = tuple(sorted(people, key=lambda name: name not in names))
    is_struct = _is_image_struct(schema.field(image).type)
    return Columns(image, is_struct, people, names, others, _describe(schema), guess)


def with_own_label(read_as: ReadAs, folder: Path) -> ReadAs:
    """Name the column of people of a dataset that femb wrote, unless the user names another."""
    is_own = read_as.label is None and has_dataset_info(folder)
    return replace(read_as, label="label") if is_own else read_as


def find_people(
    labels: "Mapping[str, pa.ChunkedArray | None]", columns: Columns, place: object
) -> tuple[str | None, FoundPeople]:
    """Choose the column of people among the candidates, and read the identities from it.

    Args:
        labels: For each of `columns.people` what `as_labels` returns.
        columns: The columns of the table.
        place: Where the table is, for error messages.

    Returns:
        The name of the column, None if there is none, and what was found.

    Raises:
        FembError: A label has no name.
    """
    candidates = {name: values for name, values in labels.items() if values is not None}
    if not candidates:
        measure = (
            f"the column {next(iter(labels))!r} has numbers that are not whole, so it names nobody" if labels else ""
        )
        return None, FoundPeople(None, columns.guess, problem=measure, hint="--label COLUMN names the column of people")
    column, guess = choose_person_column(candidates)
    identities = identities_of(candidates[column], columns.class_names.get(column), place)
    return column, FoundPeople(identities, "; ".join(filter(None, (columns.guess, guess))))


def as_labels(values_N: "pa.ChunkedArray") -> "pa.ChunkedArray | None":
    """Return a column of labels as text (large_string), or as whole numbers from 0 up (int64; uint64 if too large).

    Other numbers than these are null: nobody is known to be shown.

    Args:
        values_N: Integers, floats, text, or a dictionary of these.

    Returns:
        None if a number is no whole number, so that the column is a measure rather than a label.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as types

    if types.is_dictionary(values_N.type):
        values_N = values_N.cast(values_N.type.value_type)
    if is_text(values_N.type):
        return values_N.cast(pa.large_string())
    if types.is_floating(values_N.type):
        values_N = values_N.cast(pa.float64())
        values_N = pc.if_else(pc.is_finite(values_N), values_N, None)
    try:
        values_N = values_N.cast(pa.int64())
    except pa.ArrowInvalid:
        if not types.is_uint64(values_N.type):
            return None
    zero = pa.scalar(0, values_N.type)
    return pc.if_else(pc.greater_equal(values_N, zero), values_N, None)


def concatenate_labels(parts: "list[pa.ChunkedArray]") -> "pa.ChunkedArray":
    """Return the labels of several files, as `as_labels` returns each, as one column of one type."""
    import pyarrow as pa

    kinds = {part.type for part in parts}
    common = parts[0].type if len(kinds) == 1 else pa.large_string() if pa.large_string() in kinds else pa.uint64()
    return pa.chunked_array([chunk for part in parts for chunk in part.cast(common).chunks], common)


def identities_of(labels_N: "pa.ChunkedArray", names: tuple[str, ...] | None, place: object) -> Identities:
    """Make the identities of labels: text is the name of an identity, an integer its number; null means unknown.

    Args:
        labels_N: Labels as `as_labels` returns them.
        names: Name of each integer; then one that no image has stays. None names identities by their numbers.
        place: Where the labels are, for error messages.

    Raises:
        FembError: A label has no name.
    """
    if names is None or is_text(labels_N.type):
        return identities_from_values(labels_N)
    numbers_N = labels_N.fill_null(-1).to_numpy()
    largest = int(numbers_N.max(initial=-1)) if len(numbers_N) else -1
    if largest >= len(names):
        raise FembError(
            f"{place} has the label {largest}, but names for {len(names)} only", hint="labels should count from 0"
        )
    return Identities(list(names), numbers_N.astype(np.int64))


def are_unique(values: "pa.ChunkedArray") -> bool:
    """Whether no value is null and all are different."""
    import pyarrow.compute as pc

    return values.null_count == 0 and pc.count_distinct(values).as_py() == len(values)


def names_of_paths(paths: "pa.ChunkedArray") -> "pa.ChunkedArray | None":
    """Return the stored paths of images as text; None if one is missing, is no text, or is there twice."""
    import pyarrow.types as types

    if types.is_dictionary(paths.type):
        paths = paths.cast(paths.type.value_type)
    return paths if is_text(paths.type) and are_unique(paths) else None


def without_views(table: "pa.Table") -> "pa.Table":
    """Return a table in which text and bytes in views are large ones, because Arrow takes no rows of views."""
    import pyarrow as pa
    import pyarrow.types as types

    for position, column in enumerate(table.columns):
        if types.is_string_view(column.type) or types.is_binary_view(column.type):
            kind = pa.large_string() if types.is_string_view(column.type) else pa.large_binary()
            table = table.set_column(position, table.column_names[position], column.cast(kind))
    return table


def take_rows(table: "pa.Table", rows_N: np.ndarray, place: object) -> "pa.Table":
    """Return some rows of a table.

    Raises:
        FembError: A column is of a kind of which Arrow takes no rows, such as lists of views.
    """
    import pyarrow as pa

    try:
        return table.take(rows_N)
    except pa.ArrowNotImplementedError as error:
        raise FembError(
            f"{place} has a column that femb cannot copy; its columns are {_describe(table.schema)}: {error}",
            hint="write the table again without that column",
        ) from error


def is_text(kind: "pa.DataType") -> bool:
    """Whether a column of this type holds text."""
    import pyarrow.types as types

    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)


def image_columns(schema: "pa.Schema") -> list[str]:
    """Return the columns of images: structs of `bytes` and `path`, or without such columns all of plain bytes."""
    structs = [field.name for field in schema if _is_image_struct(field.type)]
    return structs or [field.name for field in schema if _is_binary(field.type)]


def _image_column(schema: "pa.Schema", place: object, wanted: str | None) -> tuple[str, str]:
    """Return the column of images, and a sentence on the choice if there are others."""
    candidates = image_columns(schema)
    if wanted is not None:
        kind = schema.field(wanted).type
        if not _is_image_struct(kind) and not _is_binary(kind):
            raise FembError(
                f"the column {wanted!r} of {place} holds {kind}, and no encoded images",
                hint=f"a struct of bytes and path, or binary does; its columns are {_describe(schema)}",
            )
        return wanted, ""
    rank = {name: place for place, name in enumerate(IMAGE_COLUMNS)}
    known = sorted((rank[plain], name) for name in candidates if (plain := plain_name(name)) in rank)
    if len(candidates) != 1 and not known:
        found = f"{len(candidates)} columns of images" if candidates else "no column of images"
        error = FembError if candidates else NoImageColumnError
        raise error(f"{place} has {found}; its columns are {_describe(schema)}", hint=_image_hint(candidates))
    chosen = candidates[0] if len(candidates) == 1 else known[0][1]
    others = [name for name in candidates if name != chosen]
    guess = f"images are those of the column {chosen}; --image-column {others[0]} takes others" if others else ""
    return chosen, guess


def _image_hint(candidates: list[str]) -> str:
    if candidates:
        return f"choose one: --image-column {candidates[0]}"
    return "let one column hold encoded images (a struct of bytes and path, or binary), and name it image"


def _is_binary(kind: "pa.DataType") -> bool:
    import pyarrow.types as types

    return types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind)


def _is_image_struct(kind: "pa.DataType") -> bool:
    import pyarrow.types as types

    if not types.is_struct(kind):
        return False
    fields = {field.name: field.type for field in kind}
    return "path" in fields and "bytes" in fields and _is_binary(fields["bytes"])


def _is_label(kind: "pa.DataType") -> bool:
    import pyarrow.types as types

    if types.is_dictionary(kind):
        kind = kind.value_type
    return types.is_integer(kind) or types.is_floating(kind) or is_text(kind)


def _decode_names(kind: "pa.DataType") -> None:
    """Read the name of every field at every depth: Arrow decodes a name only on access, and fails there."""
    for inner in map(kind.field, range(kind.num_fields)):
        _ = inner.name
        _decode_names(inner.type)


def class_names(schema: "pa.Schema", columns: tuple[str, ...], place: object) -> dict[str, tuple[str, ...]]:
    """Return the names of the labels in Hugging Face's metadata, for each of some columns that has them."""
    metadata = (schema.metadata or {}).get(b"huggingface")
    if metadata is None or not columns:
        return {}
    try:
        features = json.loads(metadata)["info"]["features"]
        names = {column: features.get(column, {}).get("names") for column in columns}
    # Other JSON, or text that is not JSON, raises any of these.
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise FembError(f"{place} has invalid Hugging Face metadata: {error!r}", hint=_DAMAGED) from error
    given = {column: of_column for column, of_column in names.items() if of_column is not None}
    if not all(isinstance(of, list) and all(isinstance(name, str) for name in of) for of in given.values()):
        raise FembError(f"{place} has label names that are not a list of text", hint=_DAMAGED)
    return {column: tuple(of_column) for column, of_column in given.items()}


def _describe(schema: "pa.Schema") -> str:
    return ", ".join(f"{field.name} ({field.type})" for field in schema)
