"""The names that the parts of a dataset for training and for testing have."""

import re

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
