"""File names: which endings images have, and which names femb skips or refuses."""

import os
import re

from femb_cli.errors import FembError

HEIC_ENDINGS = frozenset({".heic", ".heif", ".hif"})
IMAGE_ENDINGS = HEIC_ENDINGS | {
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".webp", ".avif", ".tif", ".tiff"),
    *(".pgm", ".ppm", ".pnm", ".pbm"),
}
_ENDING = re.compile(r"\.\w{1,12}", re.ASCII)
_NOT_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def is_hidden(part: str) -> bool:
    """Whether a file or folder of this name is skipped: hidden files, and what Windows and macOS put into folders."""
    return part.startswith(".") or part in ("Thumbs.db", "desktop.ini", "__MACOSX")


def ending_of(name: str) -> str:
    """Return the ending of a file's name as it is written, `.JPG`; empty if there is none, as after `Mr. Smith`."""
    ending = os.path.splitext(name)[1]  # noqa: PTH122 - a Path for each of millions of names takes seconds
    return ending if _ENDING.fullmatch(ending) else ""


def has_image_ending(name: str) -> bool:
    """Whether a file's name ends as an image's does, in small or capital letters."""
    return ending_of(name).lower() in IMAGE_ENDINGS


def check_text(name: str, place: object) -> None:
    """Refuse a name that cannot be written as one line of UTF-8 text.

    Raises:
        FembError: `name` has control characters or is not valid Unicode.
    """
    if _NOT_TEXT.search(name):
        raise FembError(
            f"the name {name!r} in {place} has control characters or is not valid Unicode", hint="rename it"
        )
