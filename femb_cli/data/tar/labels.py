"""Who is on the images of some archives: by a field beside each image, or by the folders.

Shapes: N images of all archives.
"""

import json
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from femb_cli.data.identities import Identities, identities_from_values
from femb_cli.data.person_columns import PERSON_COLUMNS, plain_name
from femb_cli.data.tar.index import ArchiveIndex
from femb_cli.data.tar.samples import FIRST_FIELD, LAST_FIELD
from femb_cli.data.tar.texts import Texts
from femb_cli.errors import FembError

if TYPE_CHECKING:
    import pyarrow as pa

NAMES_FILE = "identities.json"
"""Beside shards: the name of each number in their `.cls` members, a JSON list."""

_NUMBER = r"^[+-]?[0-9]{1,18}$"


@dataclass(frozen=True)
class _Field:
    """A field that may say who is shown.

    Attributes:
        name: An ending of members, or a key in the `.json` members.
        texts_N: Its text for each image, null where there is none.
        repeats: Whether two images have the same text.
    """

    name: str
    texts_N: "pa.Array"
    repeats: bool

    @property
    def number(self) -> int:
        """Number of images that have a text."""
        return len(self.texts_N) - self.texts_N.null_count


def choose_field(indexes: Sequence[ArchiveIndex], label: str | None, place: Path) -> tuple[str | None, str]:
    """Return the field that says who is shown, None if no field does; and a sentence on the choice.

    It is the one that most images have; of several, one whose texts repeat; of several, `cls`, and else the first of
    `PERSON_COLUMNS`. The text of `.txt` members is often a description, so that it counts only where it repeats or is a
    number.

    Args:
        indexes: Those of all archives.
        label: The field that the user has named; None to choose.
        place: What the user has named, for messages.

    Raises:
        FembError: There is no field of that name.
    """
    names = sorted({name for index in indexes for name in index.fields}, key=_rank)
    if label is not None:
        if label not in names:
            raise FembError(
                f"no member beside an image of {place} is called .{label}, and no .json member has the key {label!r}",
                hint="leave the option out, and femb looks for a label itself",
            )
        return label, ""
    fields = [_field(name, indexes) for name in names]
    fields = [
        field for field in fields if field.number and (field.name != LAST_FIELD or field.repeats or _are_numbers(field))
    ]
    if not fields:
        return None, ""
    chosen = min(fields, key=lambda field: (-field.number, not field.repeats, _rank(field.name)))
    others = [field.name for field in fields if field is not chosen]
    if chosen.name == FIRST_FIELD and not others:
        return chosen.name, ""
    guess = f"people are the values of {describe_field(chosen.name, indexes)} beside each image"
    if others:
        described = " or ".join(describe_field(name, indexes) for name in others)
        return chosen.name, f"{guess}, not of {described}; --label {others[0]} takes those instead"
    return chosen.name, f"{guess}; --person-folder -1 takes the folders instead"


def describe_field(name: str, indexes: Sequence[ArchiveIndex]) -> str:
    """Return where a field is, as `.cls` or `label in .json`."""
    ending = next(index.held_by[name][0] for index in indexes if name in index.held_by)
    return ending if ending == f".{name}" else f"{name!r} in {ending}"


def identities_of_field(name: str, indexes: Sequence[ArchiveIndex], places: Sequence[Path], where: Path) -> Identities:
    """Return the identities that a field states: whole numbers if most of its texts are, otherwise texts.

    An image without a text, with a negative number or with another text among numbers has no identity.

    Args:
        name: The field.
        indexes: Those of all archives.
        places: The archives; beside the first there may be a `NAMES_FILE`.
        where: What the user has named, for messages.

    Warns:
        UserWarning: Some texts are no numbers.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    texts_N = _field(name, indexes).texts_N
    is_number_N = pc.match_substring_regex(texts_N, _NUMBER)
    num_numbers = pc.sum(is_number_N).as_py() or 0
    num_others = len(texts_N) - texts_N.null_count - num_numbers
    if num_numbers <= num_others:
        return identities_from_values(texts_N)
    if num_others:
        row = pc.index(is_number_N, False).as_py()
        warnings.warn(
            f"{num_others:,} labels of {where} are no numbers, as most are; the first is {texts_N[row].as_py()!r}",
            stacklevel=2,
        )
    numbers_N = pc.if_else(is_number_N, texts_N, None).cast(pa.int64())
    numbers_N = pc.if_else(pc.greater_equal(numbers_N, 0), numbers_N, None)
    identities = identities_from_values(numbers_N)
    return Identities(_names_of_numbers(identities.names, places), identities.labels_N)


def _names_of_numbers(numbers: list[str], places: Sequence[Path]) -> list[str]:
    """Return the names that the file beside the archives gives to numbers; the numbers if there is none that fits."""
    file = places[0].parent / NAMES_FILE
    try:
        names = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return numbers
    except (OSError, ValueError, RecursionError):
        names = None
    is_list = isinstance(names, list) and all(isinstance(name, str) for name in names)
    if not is_list or len(names) <= max(map(int, numbers)) or len(set(names)) < len(names):
        warnings.warn(f"{file} has no name for each label: the people are called by their numbers", stacklevel=2)
        return numbers
    return [names[int(number)] for number in numbers]


def _field(name: str, indexes: Sequence[ArchiveIndex]) -> _Field:
    import pyarrow.compute as pc

    texts = [index.fields.get(name) or Texts.empty(len(index)) for index in indexes]
    texts_N = Texts.joined(texts).arrow()
    texts_N = pc.if_else(pc.equal(pc.binary_length(texts_N), 0), None, texts_N)
    number = len(texts_N) - texts_N.null_count
    return _Field(name, texts_N, pc.count_distinct(texts_N, mode="only_valid").as_py() < number)


def _are_numbers(field: _Field) -> bool:
    import pyarrow.compute as pc

    return bool(pc.all(pc.match_substring_regex(field.texts_N, _NUMBER)).as_py())


def _rank(name: str) -> int:
    plain = plain_name(name)
    if name in (FIRST_FIELD, LAST_FIELD):
        return -1 if name == FIRST_FIELD else len(PERSON_COLUMNS)
    return PERSON_COLUMNS.index(plain) if plain in PERSON_COLUMNS else len(PERSON_COLUMNS)


def count_unread(indexes: Sequence[ArchiveIndex], field: str | None) -> dict[str, int]:
    """Count the members that are neither images nor hold the field that says who is shown, by ending."""
    counts: Counter[str] = Counter()
    for index in indexes:
        counts.update(index.unread)
        if field in index.held_by:
            ending, number = index.held_by[field]
            counts[ending] -= number
    return dict(+counts)
