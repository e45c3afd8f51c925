"""Identities from the layout of a folder or an archive: one folder per identity."""

from collections.abc import Sequence
from itertools import takewhile

import numpy as np

from femb_cli.data.identities import Identities


def identities_from_layout(names: Sequence[str]) -> Identities | None:
    """Make one identity of each folder, if every image lies in such a folder.

    Folders above, which all images share, are ignored. Identities are sorted by code point.

    Args:
        names: Relative paths of the images, with '/'.

    Returns:
        None if the images lie at different depths, because it is then unclear which folders are identities.
    """
    if first_outside_layout(names) is not None:
        return None
    depth = _identity_depth(names)
    folders = [name.split("/")[depth] for name in names]
    identities = sorted(set(folders))
    label_of = {identity: label for label, identity in enumerate(identities)}
    return Identities(identities, np.array([label_of[folder] for folder in folders], dtype=np.int64))


def first_outside_layout(names: Sequence[str]) -> str | None:
    """Return the first image that is not in an identity's folder; None if all are."""
    depth = _identity_depth(names)
    return next((name for name in names if name.count("/") != depth + 1), None)


def _identity_depth(names: Sequence[str]) -> int:
    """Count the folders above the identities: those that all images share, unless there is only one folder."""
    folders = {tuple(name.split("/")[:-1]) for name in names}
    shared = takewhile(lambda pair: pair[0] == pair[1], zip(min(folders), max(folders), strict=False))
    return max(0, len(list(shared)) - (len(folders) == 1))
