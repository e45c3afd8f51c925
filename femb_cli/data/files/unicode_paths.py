"""Find files whose names are written in another Unicode form than in a list that names them."""

import os
from pathlib import Path, PurePosixPath

from femb_cli.data.names import PlacesOfNames


class UnicodePaths:
    """The files below a folder, by paths in any Unicode form; see `PlacesOfNames`.

    Each folder in which a path is missing as it is written is listed once.

    Args:
        root: The folder that relative paths start from.
    """

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._listed: dict[str, tuple[list[str], PlacesOfNames]] = {}

    def find(self, path: str) -> str:
        """Return the path of a file: as it is written, unless only another form of it exists."""
        written = os.path.join(self._root, path)  # noqa: PTH118 - a Path for each of millions of files takes minutes
        if path.isascii() or os.path.lexists(written):
            return written
        found = self._root
        for part in PurePosixPath(path).parts:
            found = self._find_in(found, part)
        return found

    def _find_in(self, folder: str, name: str) -> str:
        """Return the path of a file or a folder in `folder`, in the form that exists."""
        written = os.path.join(folder, name)  # noqa: PTH118
        if name.isascii() or os.path.lexists(written):
            return written
        if folder not in self._listed:
            names = _list(folder)
            self._listed[folder] = names, PlacesOfNames(names)
        names, places = self._listed[folder]
        place = places.find(name)
        return written if place < 0 else os.path.join(folder, names[place])  # noqa: PTH118


def _list(folder: str) -> list[str]:
    """Return the names in a folder; none if it cannot be listed."""
    try:
        return os.listdir(folder)  # noqa: PTH208 - names, not paths
    except OSError:
        return []
