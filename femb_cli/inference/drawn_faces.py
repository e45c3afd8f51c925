"""Networks of the quick start, which were trained on femb's drawn faces, and the images that they are made for."""

from collections.abc import Iterable
from pathlib import Path

from femb_cli.checkpoints.card import DRAWN_FACES, ModelCard
from femb_cli.checkpoints.runs import SAMPLES, is_run
from femb_cli.files import cache_folder


def drawn_faces_warning(card: ModelCard | None, images: Iterable[Path]) -> str | None:
    """Return a warning if a network that knows only drawn faces is used on other images, else None.

    Args:
        card: the network's card; None if there is none.
        images: the images, or the folders or archives that hold them.
    """
    if card is None or card.source.get("training_data") != DRAWN_FACES or all(map(are_drawn, images)):
        return None
    return "this network knows only drawn faces; see femb list models"


def are_drawn(path: Path) -> bool:
    """Whether femb drew the images at this path: the samples of a run, or a set in femb's cache."""
    resolved = path.resolve()
    folders = (resolved, *resolved.parents)
    is_sample = any(folder.name == SAMPLES and is_run(folder.parent) for folder in folders)
    cache = cache_folder().resolve()
    return is_sample or any(folder.parent == cache and folder.name.startswith("synthetic-") for folder in folders)
