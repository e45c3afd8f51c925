"""The list of what a conversion left out, beside what it wrote."""

from collections.abc import Sequence

SKIPPED_FILE = "skipped.txt"


def skipped_text(skipped: Sequence[tuple[str, str]]) -> str:
    """Return the file's text: a line for each name and reason, with a tab between."""
    return "".join(f"{name}\t{reason}\n" for name, reason in skipped)
