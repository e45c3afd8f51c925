"""A list of image pairs: finding its images among others, and who they show.

Shape suffix: N pairs.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femb_cli.data.names import AMBIGUOUS, MISSING, PlacesOfNames
from femb_cli.errors import FembError
from femb_cli.evaluation.text_column import TextColumn, all_texts
from femb_cli.evaluation.verification.folds import Folds, without_gaps

_FILE_ENDING = re.compile(r"\.[A-Za-z][A-Za-z0-9]{1,4}$")
_FACE_NUMBER = re.compile(r"#\d+$")
LISTS = "list"
"""The grouping of pairs that come from several lists, by list."""


@dataclass(frozen=True, eq=False)
class PairList:
    """Pairs of images, in the order of the file: a column for each thing that is known about a pair.

    Attributes:
        left: name of the first image of each pair, a path relative to the folder of the images; empty if the file has
            scores without names.
        right: name of the second image of each pair; `left` and `right` share their values.
        genuine_N: bool, true if both images show the same person.
        folds_N: unsigned whole numbers, fold of each pair, counted from 0.
        lines_N: whole numbers, line of the file that lists each pair, counted from 1; None if it has scores.
        path: the file; of several lists, the first.
        groups: for each grouping by name (such as `sex`) the group of each pair (`female`, or `female × male` if the
            two images differ).
        stated_subjects: who the left and the right image of each pair show, in columns that share their values; None if
            the file does not say.
        is_labelled: whether the file says which pairs are genuine; `genuine_N` means nothing if it does not.
        note: how the file was understood, if that was guessed; else empty.
        title: what to call the list, if not by its file.
        files: the file of each pair, if they come from several lists; else None.
    """

    left: TextColumn
    right: TextColumn
    genuine_N: NDArray[np.bool_]
    folds_N: Folds
    lines_N: NDArray[np.integer[Any]] | None
    path: Path
    groups: Mapping[str, TextColumn] = field(default_factory=dict)
    stated_subjects: tuple[TextColumn, TextColumn] | None = None
    is_labelled: bool = True
    note: str = ""
    title: str = ""
    files: TextColumn | None = None

    def __len__(self) -> int:
        return len(self.genuine_N)

    @property
    def name(self) -> str:
        """What to call the list."""
        return self.title or self.path.name

    @property
    def num_folds(self) -> int:
        """Number of folds."""
        return int(self.folds_N.max()) + 1

    def names(self) -> list[str]:
        """Return the name of every image that is in a pair, once, in sorted order."""
        return all_texts((self.left, self.right))

    def place(self, row: int) -> str:
        """Return the file and the line of a pair, for messages."""
        assert self.lines_N is not None, "the lines are known"
        return f"{self.path if self.files is None else self.files[row]}, line {self.lines_N[row]}"

    def subset(self, rows_M: NDArray[Any]) -> "PairList":
        """Return some of the pairs, given by their numbers or by flags, with their folds numbered anew."""
        subjects = self.stated_subjects
        return replace(
            self,
            left=self.left.take(rows_M) if self.left else self.left,
            right=self.right.take(rows_M) if self.right else self.right,
            genuine_N=self.genuine_N[rows_M],
            folds_N=without_gaps(self.folds_N[rows_M]),
            lines_N=None if self.lines_N is None else self.lines_N[rows_M],
            groups={name: labels.take(rows_M) for name, labels in self.groups.items()},
            stated_subjects=subjects and (subjects[0].take(rows_M), subjects[1].take(rows_M)),
            files=self.files and self.files.take(rows_M),
        )

    def indices(
        self, names: Sequence[str], *, allow_missing: bool = False
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Find the images of the pairs in a list of image paths.

        Paths are compared from their end: extra folders before it and the file ending make no difference, so that
        `lfw/Ann_Veneman/Ann_Veneman_0007.png` matches `Ann_Veneman/Ann_Veneman_0007.jpg`. A path that is missing as it
        is written is looked for in other Unicode forms.

        Args:
            names: image paths, such as the names of embeddings in their order.
            allow_missing: give a missing image the place -1 instead of failing.

        Returns:
            Place in `names` of the left (N,) and right (N,) images, int32.

        Raises:
            FembError: if an image of a pair is missing, or several paths match it.
        """
        wanted = self.names()
        places = _places(wanted, names)
        missing = {name for name, place in places.items() if place == MISSING}
        if missing and not allow_missing:
            line, name = self._first_line_naming(missing)
            raise FembError(
                f"{line}: no image {name!r} ({len(missing)} of {len(places)} images are missing)",
                hint=_hint_of_faces(name, names)
                or "are these the images of the pairs? --on-missing nan leaves such pairs out",
            )
        ambiguous = {name for name, place in places.items() if place == AMBIGUOUS}
        if ambiguous:
            line, name = self._first_line_naming(ambiguous)
            raise FembError(
                f"{line}: cannot tell which image is {name!r} "
                f"(the same holds for {len(ambiguous)} of {len(places)} names)",
                hint="give the images of one dataset only, with one file per image",
            )
        places_V = np.array([places.get(name, MISSING) for name in self.left.values], dtype=np.int32)
        return places_V[self.left.codes_N], places_V[self.right.codes_N]

    def subjects(self) -> tuple[TextColumn, TextColumn] | None:
        """Return who the left and the right image of each pair show, in columns that share their values.

        If the file does not say, the subject of an image is the outermost folders of its path: the smallest number of
        folders that are equal in every genuine pair and different in every impostor pair. None if there is no such
        number.
        """
        if self.stated_subjects is not None or not self.left:
            return self.stated_subjects
        folders = [name.split("/")[:-1] for name in self.left.values]
        for depth in range(1, 1 + max(name.count("/") for name in self.left.occurring())):
            people = TextColumn.of("/".join(parts[:depth]) for parts in folders)
            left, right = self.left.replaced(people), self.right.replaced(people)
            if np.array_equal(left.codes_N == right.codes_N, self.genuine_N):
                return left, right
        return None

    def _first_line_naming(self, names: set[str]) -> tuple[str, str]:
        """The file and first line that name one of these images, and that name."""
        left_N, right_N = (side.are(name in names for name in side.values) for side in (self.left, self.right))
        row = int((left_N | right_N).argmax())
        return self.place(row), (self.left if left_N[row] else self.right)[row]


def join_lists(lists: Sequence[PairList]) -> PairList:
    """Join several lists to one, whose grouping `LISTS` says which list a pair is from; one list stays as it is.

    Every fold has the pairs of this fold of all lists.
    """
    if len(lists) == 1:
        return lists[0]
    names = _distinct_names([each.path for each in lists])
    sizes = [len(each) for each in lists]
    stated = [subjects for each in lists if (subjects := each.subjects()) is not None]
    groups = {name for each in lists for name in each.groups} - {LISTS}
    left, right = _joined_sides([(each.left, each.right) for each in lists])
    return PairList(
        left=left,
        right=right,
        genuine_N=np.concatenate([each.genuine_N for each in lists]),
        folds_N=np.concatenate([each.folds_N for each in lists]),
        lines_N=np.concatenate([each.lines_N for each in lists if each.lines_N is not None]),
        path=lists[0].path,
        groups={
            LISTS: _repeated(names, sizes),
            **{
                group: TextColumn.joined(
                    [each.groups.get(group, _repeated(["not stated"], [len(each)])) for each in lists]
                )
                for group in sorted(groups)
            },
        },
        stated_subjects=_joined_sides(stated) if len(stated) == len(lists) else None,
        is_labelled=all(each.is_labelled for each in lists),
        note=" | ".join(dict.fromkeys(each.note for each in lists if each.note)),
        title=f"all {len(lists)} lists",
        files=_repeated([str(each.path) for each in lists], sizes),
    )


def _joined_sides(lists: Sequence[tuple[TextColumn, TextColumn]]) -> tuple[TextColumn, TextColumn]:
    """Join the columns of both sides of several lists; they share their values."""
    joined = TextColumn.joined([side for sides in zip(*lists, strict=True) for side in sides])
    half = len(joined) // 2
    return joined[:half], joined[half:]


def _repeated(values: Sequence[str], times: Sequence[int]) -> TextColumn:
    """Return a column in which each value is repeated."""
    return TextColumn.of(values).take(np.repeat(np.arange(len(values)), times))


def _distinct_names(paths: Sequence[Path]) -> list[str]:
    """Return the file names of lists, with as many folders as tell them apart."""
    for depth in range(1, 1 + max(len(path.parts) for path in paths)):
        names = ["/".join(path.parts[-depth:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [f"{path} ({number})" for number, path in enumerate(paths, start=1)]


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
