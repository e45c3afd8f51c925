"""The names that the parts of a dataset for training and for testing have."""

import re
from collections.abc import Sequence

from femb_cli.errors import FembError

SPLIT_WORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
SPLIT_OF_WORD = {word: split for split, words in SPLIT_WORDS.items() for word in words}
_OTHER_PARTS = {"gallery", "probe", "probes", "query", "enroll", "enrol", "enrolled", "holdout"}
_FILLERS = {"set", "data", "dataset", "images", "faces", "split", "part", "part1", "part2"}


def is_split_name(folder: str) -> bool:
    """Whether a folder's name is that of a part of a dataset, such as `train`, `Test_Images` or `gallery`.

    The same person may be in several parts. A name with other words in it, such as `Val_Kilmer`, is none.
    """
    words = {word for word in re.split(r"[\W_]+", folder.lower()) if word}
    return bool(words & (SPLIT_OF_WORD.keys() | _OTHER_PARTS)) and words <= (
        SPLIT_OF_WORD.keys() | _OTHER_PARTS | _FILLERS
    )


def choose_split(splits: Sequence[str], split: str | None, place: object) -> str:
    """Return the split that the user asks for, or the only one.

    Args:
        splits: the splits that there are, sorted, at least one.
        split: what the user asks for: one of them, or another word for it, such as `val`; None if they do not say.
        place: where the splits are, for errors; converted by str().

    Raises:
        FembError: there are several splits to choose from, or there is no such split.
    """
    if split is None and len(splits) == 1:
        return splits[0]
    if split is None:
        raise FembError(f"{place} holds several splits: {', '.join(splits)}", hint=f"choose one: --split {splits[-1]}")
    wanted = SPLIT_OF_WORD.get(split, split)
    if wanted not in splits:
        raise FembError(
            f"{place} has no split {split!r}; its splits are {', '.join(splits)}", hint=f"try --split {splits[-1]}"
        )
    return wanted
