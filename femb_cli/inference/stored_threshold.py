"""The threshold that the model of stored embeddings has in its card."""

from pathlib import Path

from femb_cli.checkpoints.store import open_checkpoint
from femb_cli.checkpoints.threshold import Threshold
from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings.description import Description


def stored_threshold(description: Description | None) -> Threshold | None:
    """Return the threshold at the lowest FMR that a model states, because a search compares many pairs.

    Args:
        description: what a file of embeddings says about its model; None if it says nothing.

    Returns:
        None if the model is unknown, is another one by now, or states no threshold.
    """
    if description is None:
        return None
    try:
        card = open_checkpoint(Path(description.model)).card
    except FembError:
        return None
    is_same = card.fingerprint == description.fingerprint
    return min(card.thresholds, key=lambda threshold: threshold.fmr, default=None) if is_same else None
