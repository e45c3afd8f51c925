"""How images in folders and archives are named, and what their folders say about identity."""

import re
from pathlib import PurePosixPath

from femb_cli.errors import FembError

IMAGE_ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".tif", ".tiff"})
_NOT_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def is_clutter(part: str) -> bool:
    """Whether a file or folder of this name is one that operating systems leave behind."""
    return part.startswith(".") or part in ("Thumbs.db", "__MACOSX")


def is_image_name(name: str) -> bool:
    """Whether `name`, a relative path with '/', is that of an image and of nothing hidden."""
    path = PurePosixPath(name)
    return path.suffix.lower() in IMAGE_ENDINGS and not any(map(is_clutter, path.parts))


def check_text(name: str, place: object) -> None:
    """Refuse a name that could not stand as one line of text in the files that femb writes.

    Raises:
        FembError: `name` has control characters or is no valid Unicode.
    """
    if _NOT_TEXT.search(name):
        raise FembError(f"the name {name!r} in {place} has control characters or is no valid Unicode", hint="rename it")
