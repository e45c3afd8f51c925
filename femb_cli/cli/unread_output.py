"""What commands say about files beside the images of a source."""

from typing import TYPE_CHECKING

from femb_cli.cli.output import Output

if TYPE_CHECKING:
    from femb_cli.data.source import ImageSource


def warn_of_unread(output: Output, source: "ImageSource") -> None:
    """Name the kinds of files that are not read, and say what would read them."""
    from femb_cli.data.files.unread import describe_unread

    if unread := describe_unread(source):
        output.warn(unread)
