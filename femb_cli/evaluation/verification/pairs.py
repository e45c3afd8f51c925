"""A list of image pairs: finding its images among others, and who they show.

Shape suffix: N pairs.
"""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from femb_cli.data.names import AMBIGUOUS, MISSING, PlacesOfNames
from femb_cli.errors import FembError

_FILE_ENDING = re.compile(r"\.[A-Za-z][A-Za-z0-9]{1,4}$")
_FACE_NUMBER = re.compile(r"#\d+$")


@dataclass(frozen=True, eq=False)
class PairList:
    """Pairs of images, in the order of the file.

    Attributes:
        left: name of the first image of each pair, a path relative to the folder of the images.
        right: name of the second image of each pair.
        genuine_N: bool, true if both images show the same person.
        folds_N: int64, fold of each pair, counted from 0.
        lines_N: int64, line of the file that lists each pair, counted from 1.
        path: the file.
        groups: for each grouping by name (such as `sex`) the group of each pair (`female`, or `female × male` if the
            two images differ).
        stated_subjects: who the left and the right image of each pair show; None if the file does not say.
        is_labelled: whether the file says which pairs are genuine; `genuine_N` means nothing if it does not.
        note: how the file was understood, if that was guessed; else empty.
    """

    left: tuple[str, ...]
    right: tuple[str, ...]
    genuine_N: NDArray[np.bool_]
    folds_N: NDArray[np.int64]
    lines_N: NDArray[np.int64]
    path: Path
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    stated_subjects: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    is_labelled: bool = True
    note: str = ""

    def __len__(self) -> int:
        return len(self.left)

    @property
    def num_folds(self) -> int:
        """Number of folds."""
        return int(self.folds_N.max()) + 1

    def names(self) -> list[str]:
        """Return the name of every image that is in a pair, once, in sorted order."""
        return sorted({*self.left, *self.right})

    def indices(self, names: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Find the images of the pairs in a list of image paths.

        Paths are compared from their end: extra folders before it and the file ending make no difference, so that
        `lfw/Ann_Veneman/Ann_Veneman_0007.png` matches `Ann_Veneman/Ann_Veneman_0007.jpg`. A path that is missing as it
        is written is looked for in other Unicode forms.

        Args:
            names: image paths, such as the names of embeddings in their order.

        Returns:
            Place in `names` of the left (N,) and right (N,) images, int64.

        Raises:
            FembError: if an image of a pair is missing, or several paths match it.
        """
        places = _places(self.names(), names)
        missing = {name for name, place in places.items() if place == MISSING}
        if missing:
            line, name = self._first_line_naming(missing)
            raise FembError(
                f"{self.path}, line {line}: no image {name!r} ({len(missing)} of {len(places)} images are missing)",
                hint=_hint_of_faces(name, names) or "check that these are the images that the pair file was made for",
            )
        ambiguous = {name for name, place in places.items() if place == AMBIGUOUS}
        if ambiguous:
            line, name = self._first_line_naming(ambiguous)
            raise FembError(
                f"{self.path}, line {line}: cannot tell which image is {name!r} "
                f"(the same holds for {len(ambiguous)} of {len(places)} names)",
                hint="give the images of one dataset only, with one file per image",
            )
        left = np.array([places[name] for name in self.left], dtype=np.int64)
        right = np.array([places[name] for name in self.right], dtype=np.int64)
        return left, right

    def subjects(self) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
        """Return who the left and the right image of each pair show.

        If the file does not say, the subject of an image is the outermost folders of its path: the smallest number of
        folders that are equal in every genuine pair and different in every impostor pair. None if there is no such
        number.
        """
        if self.stated_subjects is not None:
            return self.stated_subjects
        left, right = ([name.split("/")[:-1] for name in names] for names in (self.left, self.right))
        genuine = self.genuine_N.tolist()
        for depth in range(1, 1 + max(map(len, left))):
            subjects = tuple(tuple("/".join(folders[:depth]) for folders in side) for side in (left, right))
            if all((a == b) == same for a, b, same in zip(*subjects, genuine, strict=True)):
                return subjects[0], subjects[1]
        return None

    def _first_line_naming(self, names: Collection[str]) -> tuple[int, str]:
        """The first line that names one of these images, and that name."""
        for line, *pair in zip(self.lines_N.tolist(), self.left, self.right, strict=True):
            for name in pair:
                if name in names:
                    return line, name
        raise AssertionError("the names do not come from this list of pairs")


def distinct_places(names: Sequence[str]) -> list[int]:
    """Return the places of the names that no other name can be mistaken for when a pair's images are looked for."""
    depth = min(2, *(name.count("/") + 1 for name in names)) if names else 2
    tails = [_tail(name, depth) for name in names]
    uses = Counter(tails)
    return [place for place, tail in enumerate(tails) if uses[tail] == 1]


def _places(wanted: Sequence[str], names: Sequence[str]) -> dict[str, int]:
    """Find each wanted image in `names`: its place, `MISSING` or `AMBIGUOUS`.

    All parts of the wanted path must match, or else its last two, the person and the file. Two wanted images at one
    place are ambiguous as well, because those two parts do not distinguish them.
    """
    depths = {2, *(name.count("/") + 1 for name in wanted)}
    tables = {depth: PlacesOfNames([_tail(name, depth) for name in names]) for depth in depths}
    places = {}
    for name in wanted:
        depth = name.count("/") + 1
        place = tables[depth].find(_tail(name, depth))
        places[name] = tables[2].find(_tail(name, 2)) if place == MISSING else place
    uses = Counter(places.values())
    return {name: AMBIGUOUS if place >= 0 and uses[place] > 1 else place for name, place in places.items()}


def _hint_of_faces(wanted: str, names: Sequence[str]) -> str:
    """Return a hint where a photo is wanted, and there are rows of its faces; else nothing."""
    numbered = [name for name in names if _FACE_NUMBER.search(name)]
    faces = [name for name in numbered if _places([wanted], [_FACE_NUMBER.sub("", name)])[wanted] == 0]
    if not faces:
        return ""
    others = f" to {faces[-1]!r}" if len(faces) > 1 else ""
    return f"there are rows of single faces: name a face of this photo, {faces[0]!r}{others}"


def _tail(name: str, depth: int) -> str:
    """The last `depth` parts of a path, without its file ending."""
    return _FILE_ENDING.sub("", "/".join(name.replace("\\", "/").split("/")[-depth:]))
