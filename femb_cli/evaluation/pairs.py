"""Lists of image pairs to verify: the text format of LFW and XQLFW, and CSV.

LFW text: a header `folds<TAB>n` (or `n`, one set), then for each fold n genuine lines `name n1 n2` and n impostor lines
`name1 n1 name2 n2`; image 7 of Ann_Veneman is `Ann_Veneman/Ann_Veneman_0007.jpg`.
CSV: a header row with the columns `ref`, `probe` (image paths) and `mated` (1 or true for a genuine pair).

Shape suffix: N pairs.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from femb_cli.errors import FembError

_CSV_COLUMNS = ("ref", "probe", "mated")
_FLAGS = {"1": True, "true": True, "0": False, "false": False}
_NUMBER = re.compile(r"[0-9]{1,9}")
_FILE_ENDING = re.compile(r"\.[A-Za-z][A-Za-z0-9]{1,4}$")
_NUM_SPLIT_FOLDS = 10
_AMBIGUOUS = -1


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
    """

    left: tuple[str, ...]
    right: tuple[str, ...]
    genuine_N: NDArray[np.bool_]
    folds_N: NDArray[np.int64]
    lines_N: NDArray[np.int64]
    path: Path

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
        rows = _find(self.names(), names)
        missing = [name for name, row in rows.items() if row is None]
        if missing:
            raise self._missing(missing, len(rows))
        ambiguous = [name for name, row in rows.items() if row == _AMBIGUOUS]
        if ambiguous:
            raise FembError(
                f"{self.path}, line {self._line_of(ambiguous)}: {ambiguous[0]!r} fits more than one image "
                f"({len(ambiguous)} of {len(rows)} names do)",
                hint="pass the folder of one set of images only, with one file per image",
            )
        left = np.array([rows[name] for name in self.left], dtype=np.int64)
        right = np.array([rows[name] for name in self.right], dtype=np.int64)
        return left, right

    def _missing(self, missing: Sequence[str], num_names: int) -> FembError:
        line = self._line_of(missing)
        pair = int(np.flatnonzero(self.lines_N == line)[0])
        name = self.left[pair] if self.left[pair] in missing else self.right[pair]
        return FembError(
            f"{self.path}, line {line}: no image {name!r} ({len(missing)} of {num_names} images are missing)",
            hint="check that these are the images that the pair file was made for",
        )

    def _line_of(self, names: Sequence[str]) -> int:
        """The first line with a pair of one of these images."""
        wanted = set(names)
        pairs = zip(self.left, self.right, self.lines_N.tolist(), strict=True)
        return next(line for left, right, line in pairs if left in wanted or right in wanted)
