"""How images in folders and archives are named, and what their folders say about identity."""

import re
from collections.abc import Sequence
from itertools import takewhile
from pathlib import PurePosixPath

import numpy as np

from femb_cli.data.source import Identities
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


def first_without_identity(names: Sequence[str]) -> str | None:
    """Return the first image that does not lie in exactly one folder below the common top, if there is one."""
    depth = _identity_depth(names)
    return next((name for name in names if name.count("/") != depth + 1), None)


def identities_from_names(names: Sequence[str]) -> Identities | None:
    """Read identities from a layout of one folder each, below any folders that all images share.

    The identities are sorted by code point. A layout with loose or deeper images has none, since it is anyone's
    guess which of its folders is a person.
    """
    if first_without_identity(names) is not None:
        return None
    depth = _identity_depth(names)
    folders = [name.split("/")[depth] for name in names]
    identities = sorted(set(folders))
    label_of = {identity: label for label, identity in enumerate(identities)}
    return Identities(identities, np.array([label_of[folder] for folder in folders], dtype=np.int64))


def _identity_depth(names: Sequence[str]) -> int:
    """Return how many folders lie above the identities: those that all images share, but never their only one."""
    folders = {tuple(name.split("/")[:-1]) for name in names}
    shared = takewhile(lambda pair: pair[0] == pair[1], zip(min(folders), max(folders), strict=False))
    return max(0, len(list(shared)) - (len(folders) == 1))
