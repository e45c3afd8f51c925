"""Folders of groups: links to the images, or the images themselves.

people/
  group-0001/anna/1.jpg     the images of a group, each under the name that it has in the source
  group-0002/...
  singles/...               the images that are alone
  moved.csv                 where each image was, if the images were moved
"""

import csv
import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from femb_cli.data.names import photo_of
from femb_cli.data.source import HasLooseFiles, ImageSource
from femb_cli.errors import FembError
from femb_cli.files import cannot_write, new_folder, sync, write_errors

MOVED = "moved.csv"
SINGLES = "singles"


def check_loose_files(source: ImageSource) -> HasLooseFiles:
    """Return a source whose images are single files.

    Raises:
        FembError: they are inside of an archive or a dataset, or were named one by one.
    """
    if not isinstance(source, HasLooseFiles):
        raise FembError(
            f"{source.path} is no folder of images, so they cannot be put into folders of groups",
            hint="unpack it first, or write the groups with -o groups.csv",
        )
    return source


def refuse_folder(folder: Path) -> None:
    """Refuse a folder of groups that exists: it is never replaced.

    Raises:
        FembError: it exists.
    """
    if os.path.lexists(folder):
        raise FembError(f"{folder} exists already", hint="choose another name: folders of groups are never replaced")


def link_groups(folder: Path, source: ImageSource, names: Sequence[str], groups: Sequence[NDArray[np.int64]]) -> int:
    """Make a folder of symbolic links to the images of each group, and return how many links it has.

    Args:
        folder: the folder to make.
        source: the images.
        names: the name of each row.
        groups: the rows of each group.

    Raises:
        FembError: the folder exists or cannot be made, or the images are not loose files.
    """
    refuse_folder(folder)
    files = _files_of(source, names)
    with new_folder(folder) as aside:
        for row, place in _places(names, groups):
            target = aside / place
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(files[row])
    return len(names)


def move_groups(folder: Path, source: ImageSource, names: Sequence[str], groups: Sequence[NDArray[np.int64]]) -> int:
    """Move the images of each group into a folder, and return how many were moved.

    `moved.csv` in the folder says where each image was; it is written before the first image is moved. Nothing is
    replaced. Arguments as `link_groups`.

    Raises:
        FembError: the folder exists or cannot be made, the images are not loose files, are reached through links or are
            on another file system, or one of them cannot be moved.
    """
    refuse_folder(folder)
    files = _files_of(source, names)
    if len(set(files)) < len(files):
        raise FembError(
            "some photos show several faces, and a photo can be moved to one folder only",
            hint="--link links a photo from the folder of each of its faces; --faces main takes one face of each",
        )
    for name, file in zip(names, files, strict=True):
        _refuse_link(name, file)
    whole = Path(os.path.abspath(folder))  # noqa: PTH100 - links stay
    moves = [(files[row], whole / place) for row, place in _places(names, groups)]
    with write_errors(folder):
        folder.mkdir(parents=True)
        _refuse_other_disk(folder, files)
        with (folder / MOVED).open("w", newline="", encoding="utf-8") as table:
            csv.writer(table, lineterminator="\n").writerows([("from", "to"), *moves])
        sync(folder / MOVED)
    for number, (old, new) in enumerate(moves):
        try:
            new.parent.mkdir(parents=True, exist_ok=True)
            old.rename(new)
        except OSError as error:
            problem = cannot_write(new, error)
            problem.hint = f"{number:,} of {len(moves):,} images were moved; {folder / MOVED} says from where"
            raise problem from error
    return len(moves)


def _places(names: Sequence[str], groups: Sequence[NDArray[np.int64]]) -> Iterator[tuple[int, Path]]:
    """Yield each row with its path below the folder."""
    for number, rows in enumerate(groups, 1):
        group = f"group-{number:04d}" if len(rows) > 1 else SINGLES
        for row in rows.tolist():
            yield row, Path(group, _with_own_ending(names[row]))


def _with_own_ending(name: str) -> str:
    """Return `a#2.jpg` for the face `a.jpg#2`, so that programs know the file as an image."""
    photo = PurePosixPath(photo_of(name))
    return name if str(photo) == name else f"{photo.with_suffix('')}{name[len(str(photo)) :]}{photo.suffix}"


def _files_of(source: ImageSource, names: Sequence[str]) -> list[Path]:
    """Return the absolute path of each image's file; links on the way stay."""
    loose = check_loose_files(source)
    row_of = {name: row for row, name in enumerate(source.names)}
    photos = [name if name in row_of else photo_of(name) for name in names]
    missing = [photo for photo in photos if photo not in row_of]
    if missing:
        raise FembError(f"{len(missing):,} images are not in {source.path}: the first is {missing[0]!r}")
    return [Path(os.path.abspath(loose.file(row_of[photo]))) for photo in photos]  # noqa: PTH100 - links stay


def _refuse_link(name: str, file: Path) -> None:
    """Refuse to move an image out of a folder that a link leads to, or a link itself, which would lead nowhere."""
    if file.is_symlink() or not file.is_file():
        raise FembError(f"{file} is a link, or is gone: only files are moved", hint="--link makes links to the images")
    place = Path(name)
    for parent in list(place.parents)[:-1]:
        folder = file.parents[len(place.parts) - len(parent.parts) - 1]
        if folder.is_symlink():
            raise FembError(
                f"{folder} is a link to another folder: its images are not moved", hint="--link makes links to them"
            )


def _refuse_other_disk(folder: Path, files: Sequence[Path]) -> None:
    """Refuse to move images to another file system, where a move is a copy that may stop half-way."""
    device = folder.stat().st_dev
    other = next((file for file in files if file.stat().st_dev != device), None)
    if other is not None:
        folder.rmdir()
        raise FembError(
            f"{folder} is on another file system than {other}", hint="choose a folder on the disk of the images"
        )
