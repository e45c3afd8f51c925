"""What makes the embeddings of some images doubtful, before they are computed."""

from collections.abc import Iterable
from pathlib import Path

from femb_cli.checkpoints.card import ModelCard
from femb_cli.inference.align import Survey, alignment_mismatch
from femb_cli.inference.drawn_faces import drawn_faces_warning


def image_warnings(card: ModelCard | None, survey: Survey, paths: Iterable[Path]) -> list[str]:
    """Return a sentence for each: photos that are not aligned, a network of drawn faces, another alignment.

    Args:
        card: the network's card; None if there is none.
        survey: which images are photos, and how they are aligned.
        paths: the images, or the folders or archives that hold them.
    """
    found = (survey.warning, drawn_faces_warning(card, paths), alignment_mismatch(card, survey))
    return [warning for warning in found if warning]
