"""The paths of images in a pair file, made relative to the folder of the images."""

import os
from dataclasses import dataclass
from pathlib import Path

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

    def read(self, line: int, name: str) -> str:
        """Return a path relative to the folder of the images, with forward slashes.

        Raises:
            FembError: the path lies elsewhere.
        """
        parts = inner_parts(self._relative(name))
        if not parts:
            where = "the images' folder" + ("" if self.images is None else f" {self.images}")
            raise damaged(self.file, line, f"{shorten(name)} is not a path inside {where}")
        return "/".join(parts)

    def _relative(self, name: str) -> str:
        """Make an absolute path relative to the folder of the images, if it lies there."""
        if self.images is None or (not name.startswith(("/", "\\")) and name[1:2] != ":"):
            return name
        path = os.path.normpath(name)
        for root in (os.path.normpath(self.images.absolute()), str(self.images.resolve())):
            if path.startswith(f"{root.rstrip(os.sep)}{os.sep}"):
                return path[len(root.rstrip(os.sep)) + 1 :]
        return name
