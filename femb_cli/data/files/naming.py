"""Which file names are images, and which names femb skips or refuses."""

import re
from pathlib import PurePosixPath

from femb_cli.errors import FembError

IMAGE_ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".tif", ".tiff"})
_NOT_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def is_hidden(part: str) -> bool:
    """Whether a file or folder of this name is skipped: hidden files, thumbnails, and macOS's `__MACOSX`."""
    return part.startswith(".") or part in ("Thumbs.db", "__MACOSX")


def is_image_name(name: str) -> bool:
    """Whether `name`, a relative path with '/', has the ending of an image and no hidden part."""
    path = PurePosixPath(name)
    return path.suffix.lower() in IMAGE_ENDINGS and not any(map(is_hidden, path.parts))


def check_text(name: str, place: object) -> None:
    """Refuse a name that cannot be written as one line of UTF-8 text.

    Raises:
        FembError: `name` has control characters or is not valid Unicode.
    """
    if _NOT_TEXT.search(name):
        raise FembError(
            f"the name {name!r} in {place} has control characters or is not valid Unicode", hint="rename it"
        )
