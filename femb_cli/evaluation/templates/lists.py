"""The lists of a template benchmark such as IJB-C: the images of each template, and the pairs of templates.

Shape suffixes: N images, P pairs of templates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femb_cli.errors import FembError
from femb_cli.text import lines_of


@dataclass(frozen=True, eq=False)
class TemplateList:
    """The images of a template benchmark with their templates, and the pairs of templates to verify.

    Attributes:
        names: file name of each image.
        template_N: number of each image's template, int64.
        media_N: number of each image's photo or video, int64.
        faceness_N: the detector's confidence in each face, float32.
        left_P: number of the first template of each pair, int32.
        right_P: number of the second template of each pair, int32.
        genuine_P: bool, true if both templates show the same person.
    """

    names: tuple[str, ...]
    template_N: NDArray[np.int64]
    media_N: NDArray[np.int64]
    faceness_N: NDArray[np.float32]
    left_P: NDArray[np.int32]
    right_P: NDArray[np.int32]
    genuine_P: NDArray[np.bool_]


def read_templates(directory: Path) -> TemplateList:
    """Read the three lists of a template benchmark from `directory` or its folder `meta`.

    The lists are `*_face_tid_mid.txt` (image, template, media), `*_name_5pts_score.txt` (image, ten landmark
    coordinates, faceness) and `*_template_pair_label.txt` (template, template, 1 or 0). The first two list the same
    images in the same order.

    Raises:
        FembError: if a list is missing or damaged, or the lists do not belong together.
    """
    media_path = _list_file(directory, "*_face_tid_mid.txt")
    score_path = _list_file(directory, "*_name_5pts_score.txt")
    pair_path = _list_file(directory, "*_template_pair_label.txt")
    names = _names(media_path, num_columns=3)
    if names != _names(score_path, num_columns=12):
        raise FembError(f"{media_path} and {score_path} list other images, or in another order")
    numbers_N2 = _numbers(media_path, np.int64, columns=(1, 2))
    pairs_P3 = _labelled_pairs(pair_path)
    return TemplateList(
        names=names,
        template_N=numbers_N2[:, 0],
        media_N=numbers_N2[:, 1],
        faceness_N=_numbers(score_path, np.float32, columns=(11,))[:, 0],
        left_P=pairs_P3[:, 0].copy(),
        right_P=pairs_P3[:, 1].copy(),
        genuine_P=pairs_P3[:, 2] == 1,
    )


def read_landmarks(directory: Path) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """Read the images of a template benchmark and the landmarks of their faces.

    Args:
        directory: as of `read_templates`.

    Returns:
        The file name of each image, once, and x and y of its five landmarks, float32 (N, 5, 2): the left eye, the right
        eye (as seen in the image), the nose, the left and the right corner of the mouth.

    Raises:
        FembError: the list is missing or damaged, or gives an image twice with other landmarks.
    """
    path = _list_file(directory, "*_name_5pts_score.txt")
    names = _names(path, num_columns=12)
    landmarks_N52 = _numbers(path, np.float32, columns=tuple(range(1, 11))).reshape(-1, 5, 2)
    first: dict[str, int] = {}
    for place, name in enumerate(names):
        if not np.array_equal(landmarks_N52[first.setdefault(name, place)], landmarks_N52[place]):
            raise FembError(f"{path}, line {place + 1}: {name} is listed before with other landmarks")
    return tuple(first), landmarks_N52[list(first.values())]


def rows_of_images(wanted: Sequence[str], names: Sequence[str], *, of: str = "embedding") -> NDArray[np.int64]:
    """Find images among the names of embeddings or images, by the file name without folders and file ending.

    Args:
        wanted: file names.
        names: the names to find them in.
        of: what the names are of, for errors.

    Returns:
        Place in `names` of each wanted image, int64.

    Raises:
        FembError: if an image is missing, or two names have the same file name.
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
            f"no {of} of {missing[0]!r} ({len(missing)} of {len(wanted)} images are missing)",
            hint="embed all images of the benchmark" if of == "embedding" else "--images DIR names their folder",
        )
    return np.array([places[PurePosixPath(name).stem] for name in wanted], dtype=np.int64)


def _list_file(directory: Path, pattern: str) -> Path:
    """The one file that matches the pattern, in the directory or its folder `meta`."""
    found = sorted([*directory.glob(pattern), *(directory / "meta").glob(pattern)])
    if len(found) != 1:
        raise FembError(
            f"{directory} holds {len(found)} lists {pattern}, not one",
            hint="a template benchmark has the lists ijbc_face_tid_mid.txt, ijbc_name_5pts_score.txt and "
            "ijbc_template_pair_label.txt (or ijbb_...), in its directory or the folder meta there",
        )
    return found[0]


def _labelled_pairs(path: Path) -> NDArray[np.int32]:
    """The pairs of templates with their labels, int32 (P, 3)."""
    pairs_P3 = _numbers(path, np.int32)
    if pairs_P3.shape[1] != 3:
        raise FembError(f"{path}: {pairs_P3.shape[1]} columns, not 3 (template, template, label)")
    valid_P = np.isin(pairs_P3[:, 2], (0, 1))
    if not valid_P.all():
        row = int(np.argmin(valid_P))
        raise FembError(f"{path}, line {row + 1}: the label is {pairs_P3[row, 2]}, not 0 or 1")
    return pairs_P3


def _names(path: Path, *, num_columns: int) -> tuple[str, ...]:
    """The first column of a list; every line must have `num_columns` columns."""
    try:
        rows = [line.split() for line in lines_of(path.read_bytes().decode("utf-8-sig"))]
    except (OSError, UnicodeDecodeError) as error:
        raise FembError(f"cannot read {path}: {error}") from error
    for number, row in enumerate(rows, start=1):
        if len(row) != num_columns:
            raise FembError(f"{path}, line {number}: {len(row)} columns, not {num_columns}")
    if not rows:
        raise FembError(f"{path} is empty")
    return tuple(row[0] for row in rows)


def _numbers(path: Path, kind: type[Any], *, columns: tuple[int, ...] | None = None) -> NDArray[Any]:
    """All or some columns of a list as numbers, (lines, columns)."""
    if path.stat().st_size == 0:
        raise FembError(f"{path} is empty")
    try:
        return np.loadtxt(path, dtype=kind, usecols=columns, ndmin=2, comments=None)
    except (OSError, ValueError) as error:
        raise FembError(f"cannot read {path}: {error}") from error
