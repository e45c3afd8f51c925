"""The paths of images in a pair file, made relative to the folder of the images."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from femb_cli.evaluation.verification.pair_formats.line import damaged, inner_parts, shorten


@dataclass(frozen=True)
class ImagePaths:
    """Reads the paths of a pair file.

    Attributes:
        file: the pair file, for errors.
        images: the folder that absolute paths must lie in; None if it is not known.
        known: the paths that were read before: an image is in many pairs.
    """

    file: Path
    images: Path | None = None
    known: dict[str, str] = field(default_factory=dict)

    def read(self, line: int, name: str) -> str:
        """Return a path relative to the folder of the images, with forward slashes.

        Raises:
            FembError: the path lies elsewhere.
        """
        if (path := self.known.get(name)) is not None:
            return path
        parts = inner_parts(self._relative(name))
        if not parts:
            where = "the images' folder" + ("" if self.images is None else f" {self.images}")
            raise damaged(self.file, line, f"{shorten(name)} is not a path inside {where}")
        path = self.known[name] = "/".join(parts)
        return path

    def _relative(self, name: str) -> str:
        """Make an absolute path relative to the folder of the images, if it lies there."""
        if self.images is None or (not name.startswith(("/", "\\")) and name[1:2] != ":"):
            return name
        path = os.path.normpath(name)
        for root in (os.path.normpath(self.images.absolute()), str(self.images.resolve())):
            if path.startswith(f"{root.rstrip(os.sep)}{os.sep}"):
                return path[len(root.rstrip(os.sep)) + 1 :]
        return name
