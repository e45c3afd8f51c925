"""Lists of image pairs to verify: the text format of LFW and XQLFW, and tables (`pair_table`).

LFW text: a header `folds<TAB>n` (or `n`, one set), then for each fold n genuine lines `name n1 n2` and n impostor lines
`name1 n1 name2 n2`; image 7 of Ann_Veneman is `Ann_Veneman/Ann_Veneman_0007.jpg`.

Shape suffix: N pairs.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from femb_cli.errors import FembError
from femb_cli.evaluation.verification.pair_table import (
    NUMBER,
    PairLine,
    damaged,
    inner_parts,
    read_table,
    shorten,
    table_form,
)

_FILE_ENDING = re.compile(r"\.[A-Za-z][A-Za-z0-9]{1,4}$")
_NUM_SPLIT_FOLDS = 10
_MISSING, _AMBIGUOUS = -1, -2


@dataclass(frozen=True, eq=False)
class PairList:
    """Pairs of images, in the order of the file.

    Attributes:
        left: name of the first image of each pair, a path relative to the images' folder.
        right: name of the second image of each pair.
        genuine_N: bool, true where both images show the same person.
        folds_N: int64, fold of each pair, counted from 0.
        lines_N: int64, line of the file that lists each pair, counted from 1.
        path: the file.
        groups: by name (`sex`, say), the group of each pair (`female`, or `female × male` of unlike images).
        stated_subjects: who the left and who the right image of each pair shows, where the file says so.
    """

    left: tuple[str, ...]
    right: tuple[str, ...]
    genuine_N: NDArray[np.bool_]
    folds_N: NDArray[np.int64]
    lines_N: NDArray[np.int64]
    path: Path
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    stated_subjects: tuple[tuple[str, ...], tuple[str, ...]] | None = None

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

        A path is the image that its end names: folders before it and its file ending do not count, so that
        `lfw/Ann_Veneman/Ann_Veneman_0007.png` is `Ann_Veneman/Ann_Veneman_0007.jpg`.

        Args:
            names: image paths, in the order of the embeddings, say.

        Returns:
            Place in `names` of the left (N,) and right (N,) images, int64.

        Raises:
            FembError: if an image of a pair is missing, or more than one path could be meant.
        """
        places = _places(self.names(), names)
        missing = {name for name, place in places.items() if place == _MISSING}
        if missing:
            line, name = self._first_mention(missing)
            raise FembError(
                f"{self.path}, line {line}: no image {name!r} ({len(missing)} of {len(places)} images are missing)",
                hint="check that these are the images that the pair file was made for",
            )
        ambiguous = {name for name, place in places.items() if place == _AMBIGUOUS}
        if ambiguous:
            line, name = self._first_mention(ambiguous)
            raise FembError(
                f"{self.path}, line {line}: cannot tell which image is {name!r} "
                f"(the same holds for {len(ambiguous)} of {len(places)} names)",
                hint="give the images of one set only, one file per image",
            )
        left = np.array([places[name] for name in self.left], dtype=np.int64)
        right = np.array([places[name] for name in self.right], dtype=np.int64)
        return left, right

    def subjects(self) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
        """Tell who the left and who the right image of each pair shows.

        Where the file does not say it, the outer folders of the images' paths do, to the first depth at which they
        agree for every genuine pair and for no impostor pair; None if there is no such depth.
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

    def _first_mention(self, names: Collection[str]) -> tuple[int, str]:
        """The first line that names one of these images, and that name."""
        for line, *pair in zip(self.lines_N.tolist(), self.left, self.right, strict=True):
            for name in pair:
                if name in names:
                    return line, name
        raise AssertionError("the names do not come from this list of pairs")


def read_pairs(path: Path) -> PairList:
    """Read a pair file in LFW's text format or as a table, whichever its content shows.

    Byte order marks, either kind of line end, spaces around a line and blank lines at the end do not matter. A list
    without folds (a table without a column for them, and LFW's `n`) gets ten, stratified; fewer if there are fewer
    than ten pairs of either kind.

    Raises:
        FembError: if the file cannot be read, or is damaged; with the line and what is wrong there.
    """
    lines = _read_lines(path)
    num_folds = 1
    groups: dict[str, tuple[str, ...]] = {}
    form = table_form(lines[0])
    if form is not None:
        pairs, groups = read_table(path, lines, form)
    else:
        num_folds, pairs_per_kind = _read_header(path, lines)
        pairs = list(_read_lfw(path, lines, pairs_per_kind))
    genuine_N = np.array([pair.genuine for pair in pairs], dtype=bool)
    if pairs[0].fold is not None:
        folds_N = _checked_folds(path, pairs)
    else:
        folds_N = _split(genuine_N) if num_folds == 1 else contiguous_folds(len(pairs), num_folds)
    return PairList(
        left=tuple(pair.left for pair in pairs),
        right=tuple(pair.right for pair in pairs),
        genuine_N=genuine_N,
        folds_N=folds_N,
        lines_N=np.array([pair.line for pair in pairs], dtype=np.int64),
        path=path,
        groups=groups,
        stated_subjects=_stated_subjects(pairs),
    )


def contiguous_folds(num_pairs: int, num_folds: int) -> NDArray[np.int64]:
    """Cut a list of pairs into folds in its order; the first ones are one pair longer where it does not divide evenly.

    Returns:
        Fold of each pair, counted from 0, int64 (num_pairs,).

    Raises:
        FembError: if there are fewer pairs than folds.
    """
    if num_pairs < num_folds:
        raise FembError(f"{num_pairs} pairs cannot fill {num_folds} folds", hint="use a list with more pairs")
    shorter, num_longer = divmod(num_pairs, num_folds)
    sizes = [shorter + 1] * num_longer + [shorter] * (num_folds - num_longer)
    return np.repeat(np.arange(num_folds, dtype=np.int64), sizes)


def stratified_folds(genuine_N: ArrayLike, num_folds: int) -> NDArray[np.int64]:
    """Cut the genuine pairs into folds, and the impostor pairs likewise, each kind in its order.

    Returns:
        Fold of each pair, counted from 0, int64 (N,).

    Raises:
        FembError: if there are fewer pairs of one kind than folds.
    """
    genuine = np.asarray(genuine_N, dtype=bool)
    folds = np.empty(len(genuine), dtype=np.int64)
    for kind in (genuine, ~genuine):
        folds[kind] = contiguous_folds(int(np.count_nonzero(kind)), num_folds)
    return folds


def _split(genuine_N: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Ten stratified folds, or as many as there are pairs of the rarer kind, but one at least."""
    num_genuine = int(np.count_nonzero(genuine_N))
    rarer = min(num_genuine, len(genuine_N) - num_genuine)
    if rarer < 2:
        return np.zeros(len(genuine_N), dtype=np.int64)
    return stratified_folds(genuine_N, min(_NUM_SPLIT_FOLDS, rarer))


def _read_lines(path: Path) -> list[str]:
    """The file's lines without their ends, blank ones at the end left out; one at least."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise FembError(f"cannot read the pair file {path}: {error.strerror}", hint="check the path") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise damaged(path, line, "not UTF-8 text") from error
    # Not splitlines(), which also cuts at separators that may be part of a name.
    lines = text.rstrip().replace("\r\n", "\n").split("\n")
    if lines == [""]:
        raise damaged(path, 1, "the file is empty")
    return lines


def _read_header(path: Path, lines: Sequence[str]) -> tuple[int, int]:
    """Number of folds, and of pairs of each kind in a fold, checked against the number of lines."""
    fields = _columns(lines[0])
    if len(fields) not in (1, 2) or not all(NUMBER.fullmatch(field) for field in fields):
        raise damaged(path, 1, f"expected a header, found {shorten(lines[0])}")
    *folds, pairs_per_kind = (int(field) for field in fields)
    num_folds = folds[0] if folds else 1
    announced = 2 * num_folds * pairs_per_kind
    if announced == 0:
        raise damaged(path, 1, "the header announces no pairs")
    if announced != len(lines) - 1:
        raise damaged(path, 1, f"{announced} pairs announced, {len(lines) - 1} found")
    return num_folds, pairs_per_kind


def _read_lfw(path: Path, lines: Sequence[str], pairs_per_kind: int) -> Iterator[PairLine]:
    """The pairs below the header; the place of a line says whether it is a genuine pair."""
    for index, line in enumerate(lines[1:]):
        number, fields = index + 2, _columns(line)
        genuine = index % (2 * pairs_per_kind) < pairs_per_kind
        if len(fields) != (3 if genuine else 4):
            kind = "a genuine pair (name n1 n2)" if genuine else "an impostor pair (name1 n1 name2 n2)"
            raise damaged(path, number, f"expected {kind}, found {len(fields)} columns: {shorten(line)}")
        left_person, left_image, *right_person, right_image = fields
        yield PairLine(
            left=_lfw_name(path, number, left_person, left_image),
            right=_lfw_name(path, number, right_person[0] if right_person else left_person, right_image),
            genuine=genuine,
            line=number,
        )


def _lfw_name(path: Path, line: int, person: str, image: str) -> str:
    """`Ann_Veneman/Ann_Veneman_0007.jpg` of a person and the number of an image."""
    if inner_parts(person) != (person,):
        raise damaged(path, line, f"{shorten(person)} is not a person's name")
    if not NUMBER.fullmatch(image):
        raise damaged(path, line, f"{shorten(image)} is not the number of an image")
    return f"{person}/{person}_{int(image):04d}.jpg"


def _checked_folds(path: Path, pairs: Sequence[PairLine]) -> NDArray[np.int64]:
    """The folds that a table says, without a gap."""
    folds_N = np.array([pair.fold for pair in pairs], dtype=np.int64)
    present = np.unique(folds_N)
    if present[-1] != len(present) - 1:
        pair = pairs[int(folds_N.argmax())]
        absent = next(fold for fold, found in enumerate(present) if fold != found)
        raise damaged(path, pair.line, f"`fold` is {pair.fold}, but no pair is in fold {absent}")
    return folds_N


def _stated_subjects(pairs: Sequence[PairLine]) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The subjects of the left and of the right images, if the file says them."""
    stated = [pair.subjects for pair in pairs if pair.subjects is not None]
    return (tuple(left for left, _ in stated), tuple(right for _, right in stated)) if stated else None


def _columns(line: str) -> list[str]:
    """The columns of a line: at tabs if it has any (a name may then hold spaces), else at white space."""
    line = line.strip()
    return [field.strip() for field in line.split("\t")] if "\t" in line else line.split()


def _places(wanted: Sequence[str], names: Sequence[str]) -> dict[str, int]:
    """The place in `names` of each wanted image, or that it is missing or ambiguous.

    All parts of the wanted name have to fit, or else its last two: person and file. Two wanted images in one place are
    ambiguous as well: then those two parts do not tell them apart.
    """
    depths = {2, *(name.count("/") + 1 for name in wanted)}
    tables = {depth: _by_tail(names, depth) for depth in depths}
    places = {}
    for name in wanted:
        depth = name.count("/") + 1
        place = tables[depth].get(_tail(name, depth), _MISSING)
        places[name] = tables[2].get(_tail(name, 2), _MISSING) if place == _MISSING else place
    uses = Counter(places.values())
    return {name: _AMBIGUOUS if place >= 0 and uses[place] > 1 else place for name, place in places.items()}


def _by_tail(names: Sequence[str], depth: int) -> dict[str, int]:
    """The place of each name by its last parts."""
    table: dict[str, int] = {}
    for place, name in enumerate(names):
        tail = _tail(name, depth)
        table[tail] = _AMBIGUOUS if tail in table else place
    return table


def _tail(name: str, depth: int) -> str:
    """The last parts of a path, without its file ending."""
    return _FILE_ENDING.sub("", "/".join(name.replace("\\", "/").split("/")[-depth:]))
