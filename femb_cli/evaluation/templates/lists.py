"""The lists of an IJB-like set: which images make up a template, and which templates are verified.

Shape suffixes: N images, P pairs of templates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femb_cli.errors import FembError


@dataclass(frozen=True, eq=False)
class TemplateList:
    """The images of an IJB-like set, what they belong to, and the pairs of templates to verify.

    Attributes:
        names: file name of each image.
        template_N: number of the template that each image is in, int64.
        media_N: number of the photo or video that each image is from, int64.
        faceness_N: the detector's confidence in each face, float32.
        left_P: number of the first template of each pair, int32.
        right_P: number of the second template of each pair, int32.
        genuine_P: bool, true where both templates show the same person.
    """

    names: tuple[str, ...]
    template_N: NDArray[np.int64]
    media_N: NDArray[np.int64]
    faceness_N: NDArray[np.float32]
    left_P: NDArray[np.int32]
    right_P: NDArray[np.int32]
    genuine_P: NDArray[np.bool_]


def read_templates(directory: Path) -> TemplateList:
    """Read the three lists of an IJB-like set, which lie in `directory` or its folder `meta`.

    They are `*_face_tid_mid.txt` (image, template, media), `*_name_5pts_score.txt` (image, ten landmark coordinates,
    faceness), line by line of the same image, and `*_template_pair_label.txt` (template, template, 1 or 0).

    Raises:
        FembError: if a list is missing or damaged, or they do not belong together.
    """
    media_path = _list_file(directory, "*_face_tid_mid.txt")
    score_path = _list_file(directory, "*_name_5pts_score.txt")
    pair_path = _list_file(directory, "*_template_pair_label.txt")
    names = _names(media_path, num_columns=3)
    if names != _names(score_path, num_columns=12):
        raise FembError(f"{media_path} and {score_path} list other images, or in another order")
    numbers_N2 = _numbers(media_path, np.int64, columns=(1, 2))
    pairs_P3 = _numbers(pair_path, np.int32)
    if pairs_P3.shape[1] != 3:
        raise FembError(f"{pair_path}: {pairs_P3.shape[1]} columns, not 3 (template, template, label)")
    labels_P = pairs_P3[:, 2]
    if not np.isin(labels_P, (0, 1)).all():
        row = int(np.argmin(np.isin(labels_P, (0, 1))))
        raise FembError(f"{pair_path}, line {row + 1}: the label is {labels_P[row]}, not 0 or 1")
    return TemplateList(
        names=names,
        template_N=numbers_N2[:, 0],
        media_N=numbers_N2[:, 1],
        faceness_N=_numbers(score_path, np.float32, columns=(11,))[:, 0],
        left_P=pairs_P3[:, 0].copy(),
        right_P=pairs_P3[:, 1].copy(),
        genuine_P=labels_P == 1,
    )


def rows_of_images(wanted: Sequence[str], names: Sequence[str]) -> NDArray[np.int64]:
    """Find the images of a set among stored names, by the name of the file without its folders and its ending.

    Returns:
        Place in `names` of each wanted image, int64.

    Raises:
        FembError: if an image is missing, or two stored names could be meant.
    """
    places: dict[str, int] = {}
    for place, name in enumerate(names):
        stem = PurePosixPath(name).stem
        if stem in places:
            raise FembError(f"cannot tell {names[places[stem]]!r} and {name!r} apart: both are the image {stem!r}")
        places[stem] = place
    missing = [name for name in wanted if PurePosixPath(name).stem not in places]
    if missing:
        raise FembError(
            f"no embedding of image {missing[0]!r} ({len(missing)} of {len(wanted)} images are missing)",
            hint="embed all images of the set",
        )
    return np.array([places[PurePosixPath(name).stem] for name in wanted], dtype=np.int64)


def _list_file(directory: Path, pattern: str) -> Path:
    """The one file of this pattern in the folder or its folder `meta`."""
    found = sorted([*directory.glob(pattern), *(directory / "meta").glob(pattern)])
    if len(found) != 1:
        raise FembError(
            f"{directory} holds {len(found)} lists {pattern}, not one",
            hint="a template set has the lists ijbc_face_tid_mid.txt, ijbc_name_5pts_score.txt and "
            "ijbc_template_pair_label.txt (or ijbb_...), also in its folder meta",
        )
    return found[0]


def _names(path: Path, *, num_columns: int) -> tuple[str, ...]:
    """The first column, of lines that all have as many columns."""
    try:
        rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise FembError(f"cannot read {path}: {error}") from error
    for number, row in enumerate(rows, start=1):
        if len(row) != num_columns:
            raise FembError(f"{path}, line {number}: {len(row)} columns, not {num_columns}")
    if not rows:
        raise FembError(f"{path} is empty")
    return tuple(row[0] for row in rows)


def _numbers(path: Path, kind: type[Any], *, columns: tuple[int, ...] | None = None) -> NDArray[Any]:
    """All or some columns of numbers, (lines, columns)."""
    if path.stat().st_size == 0:
        raise FembError(f"{path} is empty")
    try:
        return np.loadtxt(path, dtype=kind, usecols=columns, ndmin=2, comments=None)
    except (OSError, ValueError) as error:
        raise FembError(f"cannot read {path}: {error}") from error
