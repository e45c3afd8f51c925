"""The paths of images in a pair file, made relative to the folder of the images.

Shape suffix: N pairs.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from femb_cli.evaluation.text_column import TextColumn
from femb_cli.evaluation.verification.pair_formats.line import damaged, inner_parts, shorten


@dataclass(frozen=True)
class ImagePaths:
    """Reads the paths of a pair file.

    Attributes:
        file: the pair file, for errors.
        images: the folder that absolute paths must lie in; None if it is not known.
    """

    file: Path
    images: Path | None = None

    def read(self, lines_N: NDArray[np.int32], *columns: TextColumn) -> list[TextColumn]:
        """Return columns with paths relative to the folder of the images, with forward slashes.

        Args:
            lines_N: line of each row, for errors.
            columns: the columns as the file writes them, which share their values.

        Raises:
            FembError: a path lies elsewhere.
        """
        paths = ["/".join(inner_parts(self._relative(name))) for name in columns[0].values]
        for column in columns:
            outside_N = column.are(not path for path in paths)
            if outside_N.any():
                row = int(outside_N.argmax())
                where = "the images' folder" + ("" if self.images is None else f" {self.images}")
                raise damaged(self.file, int(lines_N[row]), f"{shorten(column[row])} is not a path inside {where}")
        inside = TextColumn.of(paths)
        return [column.replaced(inside) for column in columns]

    def _relative(self, name: str) -> str:
        """Make an absolute path relative to the folder of the images, if it lies there."""
        if self.images is None or (not name.startswith(("/", "\\")) and name[1:2] != ":"):
            return name
        path = os.path.normpath(name)
        for root in (os.path.normpath(self.images.absolute()), str(self.images.resolve())):
            if path.startswith(f"{root.rstrip(os.sep)}{os.sep}"):
                return path[len(root.rstrip(os.sep)) + 1 :]
        return name
