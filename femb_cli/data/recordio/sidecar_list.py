"""The list file beside a record file: it has extra columns, such as the ethnicity in BUPT-BalancedFace, or the people.

Shapes: N images.
"""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from femb_cli.data.files.list_file import ListFileSource, has_extra_columns, is_list_file
from femb_cli.data.identities import FoundPeople, Identities
from femb_cli.errors import FembError

if TYPE_CHECKING:
    import pyarrow as pa

_LISTS = ("*.lst", "*.list", "*.txt", "*.csv", "*.tsv")


def sidecar_columns(records: Path, keys_N: np.ndarray, identities: Identities | None) -> "pa.Table | None":
    """Return the extra columns of the list in a record file's folder, with a row for each image.

    femb accepts the list if it names the same identities; its lines are the images by their keys, or in the order of
    their keys.

    Args:
        records: The record file.
        keys_N: Key of each image, integers.
        identities: Identities of the images.

    Returns:
        None if there is no list with extra columns, or the list does not match.

    Warns:
        UserWarning: The list does not match.
    """
    lists = [path for path in sorted(records.parent.glob("*.lst")) if has_extra_columns(path)]
    if not lists or identities is None:
        return None
    listed = ListFileSource(lists[0])
    lines_N = _line_of_each_image(listed, keys_N)
    is_same = (
        lines_N is not None
        and listed.identities is not None
        and listed.identities.names == identities.names
        and np.array_equal(listed.identities.labels_N[lines_N], identities.labels_N)
    )
    if lines_N is None or not is_same:
        warnings.warn(
            f"{lists[0]} does not name the identities of {records.name} in their order; its columns are ignored",
            stacklevel=2,
        )
        return None
    return listed.extra(lines_N)


def listed_people(records: Path, keys_N: np.ndarray, labels: Identities | None) -> FoundPeople:
    """Return who is on the images of a record file: as its labels say, or as a list beside it does if they say nothing.

    Labels say nothing if each image has another one, or all have the same.

    Args:
        records: The record file.
        keys_N: Key of each image, integers.
        labels: What the labels say.
    """
    if len(keys_N) < 2 or _says_something(labels):
        return FoundPeople(labels)
    fault = "none is a number" if labels is None else "all are the same" if len(labels.names) == 1 else "all differ"
    others = []
    for path in _lists_beside(records):
        try:
            listed = ListFileSource(path)
        except FembError:
            continue
        lines_N = _line_of_each_image(listed, keys_N)
        if lines_N is None or listed.identities is None:
            others.append(f"{path.name} has {len(listed):,} lines for {len(keys_N):,} images")
            continue
        people = Identities(listed.identities.names, listed.identities.labels_N[lines_N])
        if _says_something(people):
            guess = f"the labels in {records.name} tell nobody from anybody, {fault}: people are those of {path.name}"
            return FoundPeople(people, guess)
    return FoundPeople(labels, f"{'; '.join(others)}: not taken for the list of {records.name}" if others else "")


def _says_something(identities: Identities | None) -> bool:
    """Whether some images have the same identity, and others another one or an unknown one."""
    if identities is None:
        return False
    num_labeled = int((identities.labels_N >= 0).sum())
    return 1 < len(identities.names) < num_labeled or (
        len(identities.names) == 1 < num_labeled < len(identities.labels_N)
    )


def _lists_beside(records: Path) -> list[Path]:
    paths = [path for pattern in _LISTS for path in sorted(records.parent.glob(pattern))]
    paths.sort(key=lambda path: path.stem != records.stem)
    return [path for path in paths if is_list_file(path)]


def _line_of_each_image(listed: ListFileSource, keys_N: np.ndarray) -> np.ndarray | None:
    """Return the row of a list for each image: the one with its key, or else in the order of keys; None if they differ.

    im2rec shuffles the lines of a list with their keys.
    """
    if len(listed) != len(keys_N):
        return None
    order_N = np.argsort(keys_N, kind="stable")
    rows_N = np.empty(len(keys_N), dtype=np.int64)
    rows_N[order_N] = np.arange(len(keys_N))
    if listed.keys_N is not None:
        by_key_N = np.argsort(listed.keys_N, kind="stable")
        if np.array_equal(listed.keys_N[by_key_N], keys_N[order_N]):
            rows_N[order_N] = by_key_N
    return rows_N
