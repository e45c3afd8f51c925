"""Find the images of a list whose paths are written for another place: another system, folder or ending."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from femb_cli.data.files.naming import has_image_ending
from femb_cli.data.files.unicode_paths import UnicodePaths

if TYPE_CHECKING:
    import pyarrow as pa

_ENDINGS = (".jpg", ".png", ".jpeg", ".JPG", ".JPEG", ".PNG", ".webp", ".bmp")
_MOST_FOLDERS = 50
_MOST_LEVELS = 16


@dataclass(frozen=True)
class PathForm:
    """How the path of a file follows from what a list has in its place.

    Attributes:
        has_backslashes: Whether the list separates folders by backslashes.
        beginning: What the path has without; empty if it has all.
        ending: What the path has in addition.
    """

    has_backslashes: bool = False
    beginning: str = ""
    ending: str = ""

    def of(self, written: str) -> str:
        """Return the path of one file."""
        path = written.replace("\\", "/") if self.has_backslashes else written
        return path.removeprefix(self.beginning) + self.ending

    def of_all(self, written: "pa.Array") -> "pa.Array":
        """Return the paths of many files, large_string."""
        import pyarrow as pa
        import pyarrow.compute as pc

        paths = pc.replace_substring(written, "\\", "/") if self.has_backslashes else written
        if self.beginning:
            starts = pc.starts_with(paths, self.beginning)
            paths = pc.if_else(starts, pc.utf8_slice_codeunits(paths, start=len(self.beginning)), paths)
        text = paths.type
        return (
            pc.binary_join_element_wise(paths, pa.scalar(self.ending, text), pa.scalar("", text))
            if self.ending
            else paths
        )

    @property
    def guess(self) -> str:
        """A sentence on what is read otherwise than the list has it; empty if nothing is."""
        changes = []
        if self.beginning:
            changes.append(f"without {self.beginning!r} at their beginning")
        if self.ending:
            changes.append(f"with {self.ending!r} at their end")
        return f"paths are read {' and '.join(changes)}, as only so the first image is found" if changes else ""


def find_images(folder: Path, root: Path | None, first: str) -> tuple[Path, PathForm]:
    """Return the folder that the paths of a list start from, and their form, by looking for the first image.

    Args:
        folder: The folder of the list. The paths may also start from the only folder in it that has the first image.
        root: The folder that the user names instead.
        first: The first path of the list.

    Returns:
        The folder, and the paths as they are written if the first image is not found.
    """
    start = root or folder
    if is_file(UnicodePaths(start).find(first)):
        return start, PathForm()
    inner = [] if root else [entry for entry in folder.iterdir() if entry.is_dir()]
    for form in _forms(first):
        places = [start, *inner] if len(inner) <= _MOST_FOLDERS or form == PathForm() else [start]
        fitting = [place for place in places if is_file(UnicodePaths(place).find(form.of(first)))]
        if fitting[:1] == [start] or len(fitting) == 1:
            return fitting[0], form
    return start, PathForm()


def is_file(path: str) -> bool:
    """Whether `path` is a file; false also where access is denied."""
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file() raises PermissionError


def _forms(first: str) -> Iterator[PathForm]:
    """Yield the forms that the paths of a list may have, those that change the least first."""
    backslashes = [False, True] if "\\" in first else [False]
    for ending in ("",) if has_image_ending(first) else ("", *_ENDINGS):
        for has_backslashes in backslashes:
            path = first.replace("\\", "/") if has_backslashes else first
            yield PathForm(has_backslashes, "", ending)
            beginning = ""
            for folder in path.split("/", _MOST_LEVELS)[:-1]:
                beginning += f"{folder}/"
                yield PathForm(has_backslashes, beginning, ending)
