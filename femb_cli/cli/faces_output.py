"""What commands say about the faces of photos."""

from collections.abc import Sequence

from femb_cli.cli import options
from femb_cli.cli.output import Output
from femb_cli.text import counted, first_names, no_face_sentence

_REST = "--json names all"


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
        output.warn(no_face_sentence(without_face, num_photos, _REST))
    if several_faces and faces != "all":
        photos = f"several faces in {len(several_faces):,} of {counted(num_photos, 'photo')}"
        output.say(f"{photos}, the {faces} one is taken (--faces chooses): {first_names(several_faces, _REST)}")
