"""Choose the column of a table or a list that says who is on each image, by its name and by its values.

Shapes: N rows.
"""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

PERSON_COLUMNS = (
    *("identity", "identityid", "identityname", "person", "personid", "personname", "subject", "subjectid"),
    *("celebrity", "celebrityid", "celebrityname", "celeb", "celebid", "celebname", "individual", "individualid"),
    *("pid", "name", "fullname", "personlabel", "identitylabel"),
    *("label", "labels", "labelid", "labelname", "class", "cls", "classid", "classname", "target", "targets"),
    *("category", "y", "id", "ids", "folder"),
)
"""Names of columns of people without case and punctuation: first those that mean a person, then those of any class."""


def ranked_person_columns(names: Iterable[str]) -> list[str]:
    """Return those of some columns that may say who is on an image, in the order of `PERSON_COLUMNS`."""
    rank = {name: place for place, name in enumerate(PERSON_COLUMNS)}
    known = [(rank[plain], name) for name in names if (plain := plain_name(name)) in rank]
    return [name for _, name in sorted(known, key=lambda entry: entry[0])]


def plain_name(name: str) -> str:
    """Return the name of a column in small letters without punctuation: `Person_ID` is `personid`."""
    return re.sub(r"[\W_]+", "", name.lower())


def choose_person_column(candidates: "Mapping[str, pa.ChunkedArray]") -> tuple[str, str]:
    """Choose the column of people: the first in which values repeat, which a number of the row does not.

    Args:
        candidates: Name and values (N) of each column, in the order of preference; at least one.

    Returns:
        The name of the column, and a sentence on the choice; empty if no other column divides the images otherwise.
    """
    import pyarrow.compute as pc

    if len(candidates) == 1:
        return next(iter(candidates)), ""
    distinct = {name: pc.count_distinct(values).as_py() for name, values in candidates.items()}
    known = {name: len(values) - values.null_count for name, values in candidates.items()}
    repeating = [name for name in candidates if 1 < distinct[name] < known[name]]
    varying = [name for name in candidates if distinct[name] > 1]
    chosen = (repeating or varying or list(candidates))[0]
    others = [name for name in candidates if name != chosen and not _divide_alike(candidates[name], candidates[chosen])]
    if not others:
        return chosen, ""
    described = " or ".join(f"{name} ({_describe(distinct[name], known[name])})" for name in others)
    return chosen, (
        f"people are the {distinct[chosen]:,} values of the column {chosen}, not of {described}; --label {others[0]}"
        " changes that"
    )


def _describe(num_distinct: int, num_known: int) -> str:
    if num_known > 1 and num_distinct == num_known:
        return "another value in each row"
    return "the same value in each row" if num_distinct == 1 else f"{num_distinct:,} values"


def _divide_alike(first: "pa.ChunkedArray", second: "pa.ChunkedArray") -> bool:
    """Whether two columns divide the rows into the same groups."""
    codes = [
        values.combine_chunks().dictionary_encode(null_encoding="encode").indices.to_numpy()
        for values in (first, second)
    ]
    # Codes are given in the order of their first rows, so that equal groups have equal codes.
    return bool(np.array_equal(*codes))
