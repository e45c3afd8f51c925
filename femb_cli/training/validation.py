"""Verification during training: score the current weights on the configured benchmarks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from accelerate.utils import broadcast

from femb_cli.backbones import Backbone
from femb_cli.checkpoints.card import ModelCard
from femb_cli.evaluation.verification.open import PairSet
from femb_cli.inference.verify import verify
from femb_cli.training.network.embedding import embedder_in_training


def validate(backbone: Backbone, card: ModelCard, run: Path, benchmarks: Sequence[PairSet]) -> list[dict[str, Any]]:
    """Verify a network that is being trained; every process must call this, and embeds its share of the images.

    Args:
        backbone: the network, in training mode; left in training mode.
        card: the network's model card.
        run: the run's directory, the model's name in the results.
        benchmarks: what to verify on.

    Returns:
        The metrics on each benchmark, as `femb verify --json` prints them.
    """
    # The batch norm statistics of each process come from its own images. Checkpoints hold those of the main process.
    for buffer in backbone.buffers():
        broadcast(buffer)
    with embedder_in_training(backbone, card, str(run)) as embedder:
        return [verify(embedder, benchmark).to_json() for benchmark in benchmarks]
