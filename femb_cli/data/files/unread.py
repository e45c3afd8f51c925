"""Say which files beside the images of a source are not read."""

from collections.abc import Mapping

from femb_cli.data.files.naming import HEIC_ENDINGS
from femb_cli.data.images.heic import INSTALL
from femb_cli.data.source import DerivedSource, HasUnread, ImageSource

MOST_KINDS = 6


def describe_unread(source: ImageSource) -> str:
    """Return the sentence about the files of a source that are not read, as `3 files not read: 2 .mp4, 1 .txt`.

    Returns:
        An empty text if every file is read, or the source does not consist of files.
    """
    return unread_sentence(unread_of(source))


def unread_of(source: ImageSource) -> Mapping[str, int]:
    """Return the number of files of a source that are not read, by ending."""
    if isinstance(source, HasUnread):
        return source.unread
    return unread_of(source.source) if isinstance(source, DerivedSource) else {}


def unread_sentence(unread: Mapping[str, int]) -> str:
    """Return the same sentence for the number of files of each ending; an empty text if there are none."""
    if not unread:
        return ""
    kinds = sorted(unread.items(), key=lambda kind: (-kind[1], kind[0]))
    parts = [_describe_kind(ending, number) for ending, number in kinds[:MOST_KINDS]]
    if rest := kinds[MOST_KINDS:]:
        parts.append(f"{sum(number for _, number in rest):,} of {len(rest)} other kinds")
    total = sum(unread.values())
    return f"{total:,} {'file' if total == 1 else 'files'} not read: {', '.join(parts)}"


def _describe_kind(ending: str, number: int) -> str:
    if ending.lower() in HEIC_ENDINGS:
        return f"{number:,} {ending} ({INSTALL} reads {'it' if number == 1 else 'them'})"
    return f"{number:,} {ending or 'without an ending'}"
