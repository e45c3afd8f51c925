"""`skipped.txt`: the images or pairs that a conversion left out, and why."""

from collections.abc import Sequence

SKIPPED_FILE = "skipped.txt"


def skipped_text(skipped: Sequence[tuple[str, str]]) -> str:
    """Return the content of the file: a line with name, tab and reason for each image or pair."""
    return "".join(f"{name}\t{reason}\n" for name, reason in skipped)
