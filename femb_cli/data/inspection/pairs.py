"""The images of a verification set as a source, and what its pairs are.

Shapes: N pairs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femb_cli.data.source import ComputedNames
from femb_cli.data.verification_bin.verification_set import VerificationSet


class PairImages:
    """The images of all pairs of a verification set, in the order of the file; each name says the pair and the side.

    Args:
        path: The file.
        pairs: Its content.
    """

    kind = "bin"
    identities = None

    def __init__(self, path: Path, pairs: VerificationSet) -> None:
        self.path, self.pairs = path, pairs

    @property
    def names(self) -> Sequence[str]:
        """The number of the pair, from 0, and the side."""
        return ComputedNames(len(self), lambda row: f"pair {row // 2} {'right' if row % 2 else 'left'}")

    def __len__(self) -> int:
        return len(self.pairs.images)

    def read(self, index: int) -> bytes:
        """Return one encoded image."""
        return self.pairs.images[index]


@dataclass(frozen=True, eq=False)
class PairsDetails:
    """What the pairs of a benchmark are.

    Attributes:
        genuine_N: True for genuine pairs; bool, (N,).
        of_one_image_N: True for pairs of an image with itself; bool, (N,).
        num_folds: Number of folds; None if the file has none.
    """

    genuine_N: NDArray[np.bool_]
    of_one_image_N: NDArray[np.bool_]
    num_folds: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the numbers as plain values."""
        return {
            "num_pairs": len(self.genuine_N),
            "num_genuine": int(self.genuine_N.sum()),
            "num_impostor": int((~self.genuine_N).sum()),
            "num_folds": self.num_folds,
            "num_genuine_of_one_image": int((self.genuine_N & self.of_one_image_N).sum()),
            "num_impostor_of_one_image": int((~self.genuine_N & self.of_one_image_N).sum()),
        }

    def describe(self) -> str:
        """Describe the pairs in words."""
        numbers = self.to_json()
        folds = f", {self.num_folds} folds" if self.num_folds else ""
        kinds = f"{numbers['num_genuine']:,} genuine, {numbers['num_impostor']:,} impostor"
        lines = [f"{numbers['num_pairs']:,}: {kinds}{folds}"]
        if found := numbers["num_genuine_of_one_image"]:
            lines.append(f"{found:,} genuine pairs are of an image with itself")
        if found := numbers["num_impostor_of_one_image"]:
            lines.append(f"{found:,} impostor pairs are of an image with itself: labels are wrong")
        return "\n".join(lines)


def pairs_of_set(pairs: VerificationSet) -> PairsDetails:
    """Return what the pairs of a verification set are."""
    equal = [left == right for left, right in zip(pairs.images[::2], pairs.images[1::2], strict=True)]
    return PairsDetails(pairs.genuine_N, np.array(equal, dtype=bool))
