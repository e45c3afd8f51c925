"""Tell the images among files from the others: by their endings, and where those say nothing by their first bytes."""

import os
import stat
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TypeVar

from femb_cli.data.files.naming import HEIC_ENDINGS, IMAGE_ENDINGS, ending_of
from femb_cli.data.images.heic import can_read_heic
from femb_cli.data.images.signature import START_BYTES, image_format

File = TypeVar("File")


def images_among(
    files: Iterable[tuple[str, File]], start_of: Callable[[File], bytes | None]
) -> tuple[list[File], dict[str, int]]:
    """Return the images among some files in their order, and the number of all other files by ending.

    A file with the ending of an image counts as one, so that a damaged image is found when it is read, and a hundred
    thousand images are listed without opening each. Any other file is opened, and counts if it starts as an image does.

    Args:
        files: The name of each file, and the file itself as `start_of` takes it.
        start_of: Returns the first `START_BYTES` bytes of a file. None counts the file as an image.

    Returns:
        The images, and the counts. Endings are written as in the first file that has them, small or capital letters;
        the ending of files without one is empty.
    """
    images: list[File] = []
    spellings: dict[str, str] = {}
    unread: dict[str, int] = {}
    for name, file in files:
        kind = _unread_kind(name, partial(start_of, file))
        if kind is None:
            images.append(file)
            continue
        kind = spellings.setdefault(kind.lower(), kind)
        unread[kind] = unread.get(kind, 0) + 1
    return images, unread


def is_image_file(path: Path) -> bool:
    """Whether a file counts as an image, by its ending or its first bytes."""
    return _unread_kind(path.name, lambda: start_of_file(path) or b"") is None


def count_unread(files: Iterable[Path]) -> dict[str, int]:
    """Count files that are not images by ending."""
    return images_among(((file.name, file) for file in files), lambda file: start_of_file(file) or b"")[1]


def start_of_file(path: str | os.PathLike[str]) -> bytes | None:
    """Return the first `START_BYTES` bytes of a file; None if it is not a regular file, or cannot be read."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - opening a pipe would wait for ever
            return None
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - a Path for each of many files takes seconds
            return file.read(START_BYTES)
    except OSError:
        return None


def _unread_kind(name: str, start_of: Callable[[], bytes | None]) -> str | None:
    """Return the ending under which a file is counted as not read; None if it is an image."""
    ending = ending_of(name)
    lower = ending.lower()
    if lower in IMAGE_ENDINGS and (lower not in HEIC_ENDINGS or can_read_heic()):
        return None
    start = start_of()
    form = None if start is None else image_format(start)
    if form == "HEIC" and not can_read_heic():
        return ending if lower in HEIC_ENDINGS else ".heic"
    # The raw photos of cameras are TIFF files, too, of which Pillow would decode a thumbnail.
    is_image = start is None or (form is not None and (form != "TIFF" or not ending))
    return None if is_image else ending
