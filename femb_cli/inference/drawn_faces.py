"""Networks of the quick start, which were trained on femb's drawn faces, and the images that they are made for."""

from collections.abc import Iterable
from pathlib import Path

from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.runs import SAMPLES, is_run
from femb_cli.data.synthetic.training_data import DRAWN_FACES, DRAWN_FACES_WARNING
from femb_cli.files import cache_folder


def drawn_faces_warning(card: ModelCard | None, images: Iterable[Path]) -> str | None:
    """Return a warning if a network that knows only drawn faces is used on others, or any other network on drawn ones.

    Args:
        card: the network's card; None if there is none.
        images: the images, or the folders or archives that hold them.
    """
    knows_only_drawn = card is not None and card.source.get("training_data") == DRAWN_FACES
    drawn = [are_drawn(path) for path in images]
    if knows_only_drawn:
        return None if all(drawn) else DRAWN_FACES_WARNING
    if any(drawn):
        return (
            "these faces are drawn by femb, and this network was not trained on drawn faces: what it makes of them says"
            " nothing about photographs"
        )
    return None


def are_drawn(path: Path) -> bool:
    """Whether femb drew the images at this path: the samples of a run, or a set in femb's cache."""
    resolved = path.resolve()
    folders = (resolved, *resolved.parents)
    is_sample = any(folder.name == SAMPLES and is_run(folder.parent) for folder in folders)
    cache = cache_folder().resolve()
    return is_sample or any(folder.parent == cache and folder.name.startswith("synthetic-") for folder in folders)
