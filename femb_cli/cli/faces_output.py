"""What commands say about the faces of photos."""

from collections.abc import Sequence

from femb_cli.cli import options
from femb_cli.cli.output import Output

MOST_NAMES = 5


def tell_of_faces(
    output: Output, num_photos: int, without_face: Sequence[str], several_faces: Sequence[str], faces: options.Choice
) -> None:
    """Count and name the photos without a face, which are left out, and those with several.

    Args:
        output: the command's output.
        num_photos: number of photos that were searched.
        without_face: names of the photos without a face.
        several_faces: names of the photos with several faces.
        faces: which face was taken.
    """
    if without_face:
        output.warn(f"no face in {len(without_face):,} of {num_photos:,} photos, left out: {_first_of(without_face)}")
    if several_faces and faces != "all":
        photos = f"several faces in {len(several_faces):,} of {num_photos:,} photos"
        output.say(f"{photos}, the {faces} one is taken (--faces chooses): {_first_of(several_faces)}")


def _first_of(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMES:,} more (--json names all)" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more
