"""Which column of a table is what: the two images, whether they show one person, the fold, the people, the score.

The names of the columns decide, or else their contents. The user may choose instead (`--columns`).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from femb_cli.data.files.naming import has_image_ending
from femb_cli.errors import FembError, UsageError
from femb_cli.evaluation.verification.pair_formats.flags import is_flag_column
from femb_cli.evaluation.verification.pair_formats.line import WHOLE_NUMBER

ROLES = ("ref", "probe", "mated", "impostor", "fold", "ref_subject", "probe_subject", "score")
"""What a column may be. `impostor` is the opposite of `mated`: 1 for a pair of two people."""

_SIDES = {
    *(("1", "2"), ("0", "1"), ("a", "b"), ("x", "y"), ("l", "r"), ("left", "right"), ("first", "second")),
    *(("ref", "probe"), ("reference", "probe"), ("reference", "query"), ("gallery", "probe"), ("query", "gallery")),
    *(("enrol", "verify"), ("enroll", "verify"), ("enroll", "probe"), ("source", "target"), ("query", "target")),
}
_IMAGE_WORDS = {"img", "image", "im", "pic", "picture", "photo", "face", "file", "filename", "path", "p", "f", "crop"}
_PERSON_WORDS = {"subject", "person", "identity", "id", "pid", "celebrity", "people", "name", "label", "class"}
_MATED = (
    *("mated", "label", "same", "issame", "match", "ismatch", "genuine", "isgenuine", "target", "y", "gt"),
    *("groundtruth", "sameperson", "issameperson", "sameid", "sameidentity", "samesubject", "actualissame"),
    *("matched", "positive", "similar", "issimilar", "truth", "ytrue", "labels", "pairlabel", "flag", "class", "type"),
)
_IMPOSTOR = ("impostor", "imposter", "different", "isdifferent", "diff", "nonmated", "isimpostor", "differentperson")
_PLAIN_NAMES = {"mated", "label", "same", "issame", "match", "ismatch", "genuine", "target", "gt", "fold", "score"}
_FOLD = ("fold", "folds", "foldid", "foldnumber", "split")
_SCORE = (
    *("score", "scores", "similarity", "sim", "cosine", "cos", "cosinesimilarity", "similarityscore", "prediction"),
    *("distance", "dist", "distances", "cosinedistance", "euclidean", "l2"),
)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


@dataclass(frozen=True)
class ColumnChoice:
    """What the user says about the columns.

    Attributes:
        columns: for a role of `ROLES` the name of its column, or its number from 1; empty if no column has this role.
    """

    columns: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> "ColumnChoice":
        """Read `ref=img1,probe=img2,mated=same`.

        Raises:
            UsageError: the text is anything else.
        """
        parts = [part.partition("=") for part in text.split(",")]
        chosen = {role.strip(): column.strip() for role, _, column in parts}
        unknown = [role for role, equals, _ in parts if role.strip() not in ROLES or not equals]
        if unknown or len(chosen) < len(parts):
            raise UsageError(
                f"--columns {text!r}: expected ROLE=COLUMN,..., each role once",
                hint=f"of {', '.join(ROLES)}",
            )
        return cls(chosen)

    def places(self, names: Sequence[str]) -> dict[str, int | None]:
        """Find the chosen columns; None for a role that no column is to have.

        Raises:
            FembError: there is no such column.
        """
        return {role: self._place(role, column, names) for role, column in self.columns.items()}

    def _place(self, role: str, column: str, names: Sequence[str]) -> int | None:
        if not column:
            return None
        if column.lower() in names:
            return list(names).index(column.lower())
        if column.isdecimal() and 1 <= int(column) <= len(names):
            return int(column) - 1
        raise FembError(
            f"--columns {role}={column}: there is no such column", hint=f"the columns are {', '.join(names)}"
        )


NO_CHOICE = ColumnChoice()


def roles_by_name(
    names: Sequence[str], written: Sequence[str], samples: Sequence[Sequence[str]]
) -> tuple[dict[str, int], list[tuple[str, int, int]]]:
    """Find what the columns of a table with a header row are.

    Args:
        names: the names of the columns, in lower case.
        written: the names as the file writes them.
        samples: some cells of each column.

    Returns:
        The column of each role that was found, and all pairs of columns that say the same of both images, such as
        `sex1` and `sex2`: what they say, and both columns.
    """
    both = _columns_of_both_images(written)
    roles: dict[str, int] = {}
    images = [each for each in both if _holds_images(each, samples)] or [each for each in both if _names_images(each)]
    images.sort(key=lambda each: not _names_images(each))
    if images:
        roles["ref"], roles["probe"] = images[0][1:]
    people = [each for each in both if _WORD.findall(each[0]) and set(_words(each[0])) <= _PERSON_WORDS]
    people = [each for each in people if each[1] not in roles.values()]
    if people:
        roles["ref_subject"], roles["probe_subject"] = people[0][1:]
    plain = [re.sub("[^a-z0-9]", "", name) for name in names]
    paired = {place for _, *columns in both for place in columns}
    for role, known, fits in (
        ("mated", _MATED, is_flag_column),
        ("impostor", _IMPOSTOR, is_flag_column),
        ("fold", _FOLD, _are_whole_numbers),
        ("score", _SCORE, are_decimals),
    ):
        found = [plain.index(name) for name in known if name in plain and plain.index(name) not in paired]
        fitting = [place for place in found if fits(samples[place])]
        # A column of a plain name is meant, even if its cells are damaged.
        plainly = [place for place in found if plain[place] in _PLAIN_NAMES]
        if fitting or plainly:
            roles[role] = (fitting or plainly)[0]
    if "mated" in roles:
        roles.pop("impostor", None)
    return roles, both


def roles_by_contents(samples: Sequence[Sequence[str]], free: Sequence[int]) -> dict[str, int]:
    """Find the images, the flag and the score among columns without known names.

    Args:
        samples: some cells of each column.
        free: the columns to look at.
    """
    roles: dict[str, int] = {}
    flags = [place for place in free if is_flag_column(set(samples[place]))]
    telling = [place for place in flags if len(set(samples[place])) > 1] or flags
    if len(telling) == 1:
        roles["mated"] = telling[0]
    for looks in (has_image_ending, lambda cell: "/" in cell or "\\" in cell):
        images = [place for place in free if samples[place] and all(map(looks, samples[place]))]
        if len(images) == 2:
            roles["ref"], roles["probe"] = images
            break
    numbers = [place for place in free if place not in flags and are_decimals(samples[place])]
    if len(numbers) == 1:
        roles["score"] = numbers[0]
    return roles


def are_decimals(cells: Sequence[str]) -> bool:
    """Whether all cells that are not empty are numbers."""
    return bool(cells) and all(_is_number(cell) for cell in cells if cell)


def has_fractions(cells: Sequence[str]) -> bool:
    """Whether cells are numbers, and some of them not whole: measurements, which sort nothing into groups."""
    return are_decimals(cells) and any(not WHOLE_NUMBER.fullmatch(cell.lstrip("-")) for cell in cells if cell)


def _are_whole_numbers(cells: Sequence[str]) -> bool:
    return bool(cells) and all(WHOLE_NUMBER.fullmatch(cell) for cell in cells)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def _columns_of_both_images(written: Sequence[str]) -> list[tuple[str, int, int]]:
    """Find columns whose names differ in one word that names a side: `img1` and `img2`, `ref_sex` and `probe_sex`."""
    words = [_words(name) for name in written]
    found: list[tuple[str, int, int]] = []
    used: set[int] = set()
    for left in range(len(words)):
        for right in range(len(words)):
            if left == right or {left, right} & used:
                continue
            stem = _common_stem(words[left], words[right])
            if stem is not None and (words[left] != words[right] or left < right):
                found.append((stem, left, right))
                used |= {left, right}
    return found


def _common_stem(left: Sequence[str], right: Sequence[str]) -> str | None:
    """Return what two names have in common if they differ in the word that names a side; None if they do not."""
    if left == right and left and set(left) <= _IMAGE_WORDS:
        return "_".join(left)
    if len(left) != len(right):
        return None
    different = [place for place, words in enumerate(zip(left, right, strict=True)) if words[0] != words[1]]
    if len(different) != 1:
        return None
    (place,) = different
    rest = [*left[:place], *left[place + 1 :]]
    one, other = left[place], right[place]
    if (one, other) in _SIDES:
        return "_".join(rest)
    # `imga` and `imgb` are single words.
    if one[:-1] == other[:-1] in _IMAGE_WORDS and (one[-1], other[-1]) in _SIDES:
        return "_".join([*left[:place], one[:-1], *left[place + 1 :]])
    return None


def _words(name: str) -> list[str]:
    """The words and numbers of a name, in lower case: `img1_path`, `Img1Path` and `img 1 path` are img, 1, path."""
    return [word.lower() for word in _WORD.findall(name)]


def _names_images(both: tuple[str, int, int]) -> bool:
    words = set(_words(both[0]))
    return not words or bool(words & _IMAGE_WORDS)


def _holds_images(both: tuple[str, int, int], samples: Sequence[Sequence[str]]) -> bool:
    return all(samples[place] and all(map(has_image_ending, samples[place])) for place in both[1:])
