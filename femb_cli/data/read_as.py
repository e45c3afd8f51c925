"""What a user says about a source of images where femb would otherwise guess."""

import re
from dataclasses import dataclass

from femb_cli.errors import UsageError

_LEVELS = re.compile(r"[+-]?[1-9][0-9]{0,2}(/[+-]?[1-9][0-9]{0,2})*")


@dataclass(frozen=True)
class ReadAs:
    """Where a source says who is on its images; None leaves it to femb.

    Attributes:
        label: The column of people of a table or a list.
        image_column: The column of images of a table, or of paths of a list.
        person_folder: The level of the folders that are people, see `folder_levels`.
    """

    label: str | None = None
    image_column: str | None = None
    person_folder: str | None = None

    @property
    def names_columns(self) -> bool:
        """Whether a column is named, which only tables and lists have."""
        return self.label is not None or self.image_column is not None


AS_FOUND = ReadAs()
"""The user says nothing."""


def folder_levels(text: str) -> list[int]:
    """Read the levels of the folders that name a person: 1 is the first below the source, -1 holds the image.

    Several levels name a person together: `1/2` tells `African/john` from `Asian/john`.

    Raises:
        UsageError: The text is not a whole number other than 0, nor several with '/' between them.
    """
    if not _LEVELS.fullmatch(text):
        raise UsageError(
            f"{text!r} is not a level of folders",
            hint="1 is the first below the source, -1 holds the image, 1/2: both",
        )
    return [int(level) for level in text.split("/")]
