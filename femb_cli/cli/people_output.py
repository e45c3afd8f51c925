"""Say what femb took for people in a source of images."""

from typing import TYPE_CHECKING

from femb_cli.cli.output import Output

if TYPE_CHECKING:
    from femb_cli.data.source import ImageSource


def tell_of_people(source: "ImageSource", output: Output) -> None:
    """Say what femb took for people, and warn if that tells nobody from anybody."""
    from femb_cli.data.people_remarks import doubt_of, guess_of

    if guess := guess_of(source):
        output.say(guess)
    if doubt := doubt_of(source):
        output.warn(doubt)
