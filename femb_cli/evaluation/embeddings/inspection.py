"""What is in a file of embeddings: their number, magnitudes, network, people, and rows that are no embeddings.

Shape suffixes: N embeddings, D embedding dimension.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femb_cli.evaluation.embeddings.contents import Contents
from femb_cli.evaluation.embeddings.description import Description
from femb_cli.evaluation.embeddings.formats import is_npy, names_path
from femb_cli.evaluation.embeddings.read import read_contents

FIRST_NAMES = 5

_ROWS_AT_ONCE = 1 << 14
_UNIT = 1e-3


@dataclass(frozen=True, eq=False)
class EmbeddingsDetails:
    """What is in a file of embeddings.

    Attributes:
        path: the file.
        num_rows: number of embeddings.
        embedding_dim: numbers of an embedding.
        dtype: type of the numbers.
        magnitudes_N: the Euclidean norm of each row, float64; NaN or infinite where a number is.
        names: the name of each row; None if the file has none.
        description: what the file says about its network; None if it says nothing.
    """

    path: Path
    num_rows: int
    embedding_dim: int
    dtype: str
    magnitudes_N: NDArray[np.float64]
    names: list[str] | None
    description: Description | None

    @property
    def finite_N(self) -> NDArray[np.float64]:
        """The magnitudes of the rows whose numbers are finite and not all zero."""
        return self.magnitudes_N[np.isfinite(self.magnitudes_N) & (self.magnitudes_N > 0)]

    @property
    def rows_of_zeros(self) -> list[int]:
        """The rows that are all zeros."""
        return np.flatnonzero(self.magnitudes_N == 0).tolist()

    @property
    def rows_not_finite(self) -> list[int]:
        """The rows that hold NaN or infinity."""
        return np.flatnonzero(~np.isfinite(self.magnitudes_N)).tolist()

    @property
    def are_normalised(self) -> bool:
        """Whether all rows have length 1."""
        return len(self.finite_N) > 0 and bool(np.abs(self.finite_N - 1).max() < _UNIT)

    @property
    def num_people(self) -> int | None:
        """Number of folders in the names, which are people where each person has a folder; None without folders."""
        folders = {name.rsplit("/", 1)[0] for name in self.names or () if "/" in name}
        return len(folders) or None

    @property
    def repeated_names(self) -> dict[str, int]:
        """The names that several rows have, and how many."""
        return {name: times for name, times in Counter(self.names or ()).items() if times > 1}

    def to_json(self) -> dict[str, Any]:
        """Return the details as plain values, as `femb inspect --json` prints them."""
        finite_N = self.finite_N
        magnitudes = {"min": finite_N.min(), "mean": finite_N.mean(), "max": finite_N.max()} if len(finite_N) else {}
        return {
            "path": str(self.path),
            "kind": "embeddings",
            "num_embeddings": self.num_rows,
            "embedding_dim": self.embedding_dim,
            "dtype": self.dtype,
            "magnitude": {name: float(value) for name, value in magnitudes.items()} or None,
            "normalised": self.are_normalised,
            "rows_of_zeros": self.rows_of_zeros,
            "rows_not_finite": self.rows_not_finite,
            "has_names": self.names is not None,
            "num_folders_in_names": self.num_people,
            "num_repeated_names": len(self.repeated_names),
            "description": None if self.description is None else self.description.to_display(),
        }

    def describe(self) -> dict[str, str]:
        """Describe the embeddings in words; an entry with an empty text is to be left out."""
        description = self.description
        return {
            "embeddings": str(self.path),
            "rows": f"{self.num_rows:,} embeddings of {self.embedding_dim} numbers, {self.dtype}",
            "magnitude": self._describe_magnitudes(),
            "not usable": self._describe_unusable(),
            "names": self._describe_names(),
            "model": _describe_model(description) if description else "not known: the file does not say",
            "trained on": "" if description is None else description.training_data,
            "pixels": "" if description is None else _describe_pixels(description),
            "mirror images": "" if description is None else _MIRROR.get(description.flip, description.flip),
            "faces": "" if description is None else description.alignment,
        }

    def _describe_magnitudes(self) -> str:
        finite_N = self.finite_N
        if not len(finite_N):
            return "none"
        if self.are_normalised:
            return "1: the embeddings are normalised"
        return f"{finite_N.min():.4g} to {finite_N.max():.4g}, mean {finite_N.mean():.4g}"

    def _describe_unusable(self) -> str:
        lines = []
        for rows, what in ((self.rows_not_finite, "hold NaN or infinity"), (self.rows_of_zeros, "are all zeros")):
            if rows:
                first = ", ".join(self._row_name(row) for row in rows[:FIRST_NAMES])
                more = f" and {len(rows) - FIRST_NAMES:,} more" if len(rows) > FIRST_NAMES else ""
                lines.append(f"{len(rows):,} of {self.num_rows:,} rows {what}: {first}{more}")
        return "\n".join(lines)

    def _describe_names(self) -> str:
        if self.names is None:
            place = names_path(self.path)
            return f"none: {place} is missing" if is_npy(self.path) else "none"
        people = f"in {self.num_people:,} folders" if self.num_people else "without folders"
        if repeated := self.repeated_names:
            people += f"; {len(repeated):,} names are there more than once, such as {next(iter(repeated))!r}"
        return people

    def _row_name(self, row: int) -> str:
        return f"row {row}" if self.names is None else f"row {row} ({self.names[row]})"


_MIRROR = {"sum": "their embeddings are added", "none": "not used"}


def inspect_embeddings(path: Path) -> EmbeddingsDetails:
    """Read a file of embeddings, and measure its rows.

    Raises:
        FembError: the file is missing or damaged, or does not hold embeddings.
    """
    contents = read_contents(path, mmap_mode="r")
    num_rows, embedding_dim = contents.rows_ND.shape
    magnitudes_N = _magnitudes(contents)
    dtype = str(contents.rows_ND.dtype)
    return EmbeddingsDetails(path, num_rows, embedding_dim, dtype, magnitudes_N, contents.names, contents.description)


def _magnitudes(contents: Contents) -> NDArray[np.float64]:
    magnitudes_N = np.empty(len(contents.rows_ND))
    for start in range(0, len(magnitudes_N), _ROWS_AT_ONCE):
        block = slice(start, start + _ROWS_AT_ONCE)
        magnitudes_N[block] = np.linalg.norm(np.asarray(contents.rows_ND[block], dtype=np.float64), axis=1)
    return magnitudes_N


def _describe_model(description: Description) -> str:
    weights = f" (weights {description.weights[:12]})" if description.weights else ""
    return f"{description.model}{weights}, femb {description.femb_version}, {description.computation}"


def _describe_pixels(description: Description) -> str:
    return ", ".join(f"{name} {value}" for name, value in description.preprocessing.items())
