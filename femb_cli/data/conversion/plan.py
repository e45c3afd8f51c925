"""Select the images that a conversion takes, without reading any, and number their identities.

Shapes: N images of the selection, M images without an identity, C identities.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from femb_cli.data.identities import Identities
from femb_cli.data.names import PlacesOfNames
from femb_cli.data.source import ImageSource, lacks_identities
from femb_cli.errors import FembError
from femb_cli.text import lines_of, other_encoding

_NAME_AND_COUNT = re.compile(r"(?P<name>.*?\S)(?:[ \t]+\d+)?[ \t]*")


@dataclass(frozen=True)
class ConversionPlan:
    """The selection of a conversion.

    Attributes:
        rows_N: Rows of the source, the images to convert; int32 or int64.
        labels_N: Index into `identity_names` for each of them.
        identity_names: Name of each identity that has an image, in the order of the source, (C,).
        unlabeled_M: Rows of the source without an identity: it is unknown, or the record is damaged.
    """

    rows_N: np.ndarray
    labels_N: np.ndarray
    identity_names: list[str]
    unlabeled_M: np.ndarray

    @property
    def num_images(self) -> int:
        """Number of selected images; each has an identity."""
        return len(self.rows_N)

    @property
    def num_identities(self) -> int:
        """Number of identities; each has an image."""
        return len(self.identity_names)


def plan_conversion(
    source: ImageSource,
    *,
    identities: Collection[str] | None = None,
    limit: int | None = None,
    min_images: int | None = None,
) -> ConversionPlan:
    """Select images without reading any; the arguments are those of `convert`.

    With a limit, `unlabeled_M` ends at the last selected image.

    Raises:
        FembError: The source has no identities, lacks one of `identities`, or no image is selected.
    """
    known = _identities_of(source)
    is_taken_C = np.ones(len(known.names), dtype=bool)
    if identities is not None:
        is_taken_C &= _are_wanted(known.names, identities, source.path)
    if min_images is not None:
        is_taken_C &= np.bincount(known.labels_N[known.labels_N >= 0], minlength=len(known.names)) >= min_images
    is_labeled_N = known.labels_N >= 0
    # int32 halves the memory: there may be forty million rows.
    dtype = np.int32 if len(source) < 2**31 else np.int64
    rows_N = np.flatnonzero(is_labeled_N & is_taken_C[known.labels_N])[:limit].astype(dtype)
    if not len(rows_N):
        raise FembError(f"no image of {source.path} is selected", hint="loosen --identities, --min-images or --limit")
    end = len(source) if limit is None else int(rows_N[-1]) + 1
    return _renumber(known, rows_N, np.flatnonzero(~is_labeled_N[:end]))


def read_identity_list(path: str | Path) -> list[str]:
    """Read names of identities, one a line, as in LFW's people files.

    Ignores the count after a name, blank lines, and a first line that is the number of lines below it.

    Raises:
        FembError: The file cannot be read as UTF-8, or names no identity.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise FembError(f"cannot read the list of identities {path}: {error.strerror}") from error
    if encoding := other_encoding(content):
        raise FembError(f"the list of identities {path} is {encoding[0]}", hint=encoding[1])
    lines = [line for line in lines_of(content.decode("utf-8-sig", "replace")) if line.strip()]
    if lines and lines[0].strip() == str(len(lines) - 1):
        lines = lines[1:]
    if not lines:
        raise FembError(f"the list of identities {path} is empty")
    matches = [_NAME_AND_COUNT.fullmatch(line) for line in lines]
    return list(dict.fromkeys(match["name"] for match in matches if match))


def _identities_of(source: ImageSource) -> Identities:
    if source.identities is not None and source.identities.names:
        return source.identities
    raise lacks_identities(source)


def _are_wanted(names: list[str], wanted: Collection[str], path: Path) -> np.ndarray:
    """Return which names are wanted, bool, (C,); names that differ in their Unicode form only are the same.

    Raises:
        FembError: A wanted identity is not among the names, or could be several of them.
    """
    places = PlacesOfNames(names)
    found = {name: places.find(name) for name in wanted}
    absent = [name for name, place in found.items() if place < 0]
    if absent:
        examples = ", ".join(map(repr, absent[:3])) + (", ..." if len(absent) > 3 else "")
        raise FembError(
            f"{len(absent)} of {len(wanted)} requested identities are not in {path}: {examples}",
            hint=f"its identities are named like {names[0]!r}",
        )
    is_wanted_C = np.zeros(len(names), dtype=bool)
    is_wanted_C[list(found.values())] = True
    return is_wanted_C


def _renumber(known: Identities, rows_N: np.ndarray, unlabeled_M: np.ndarray) -> ConversionPlan:
    """Renumber the identities of the selected rows from 0, in their old order."""
    labels_N = known.labels_N if len(rows_N) == len(known.labels_N) else known.labels_N[rows_N]
    is_kept_C = np.zeros(len(known.names), dtype=bool)
    is_kept_C[labels_N] = True
    if is_kept_C.all():
        return ConversionPlan(rows_N, labels_N, known.names, unlabeled_M)
    new_label_C = (np.cumsum(is_kept_C) - 1).astype(labels_N.dtype)
    names = [name for name, is_kept in zip(known.names, is_kept_C.tolist(), strict=True) if is_kept]
    return ConversionPlan(rows_N, new_label_C[labels_N], names, unlabeled_M)
