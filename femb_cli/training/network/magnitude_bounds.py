"""Compare MagFace's bounds of the magnitude with the magnitudes that a network gives, before it is trained further.

MagFace clamps magnitudes to [l_a, u_a]. Embeddings outside get no gradient from the regulariser and one margin for all,
so a network that was trained with another header needs bounds of its own.
"""

import logging
from dataclasses import replace

import numpy as np

from femb_cli.backbones import Backbone
from femb_cli.checkpoints.card import ModelCard
from femb_cli.config.registry import build
from femb_cli.config.schema import LARGEST_FLOAT, MagFaceConfig
from femb_cli.data.loading.loader import TrainingImages
from femb_cli.training.network.embedding import embedder_in_training

logger = logging.getLogger("femb")

NUM_IMAGES = 64
ENOUGH = 0.5
"""Share of the magnitudes that must lie inside the bounds."""
OF_LEAST_LAMBDA = 1.55
"""The published weight of the regulariser, 35, over the paper's bound for the published bounds of the magnitude."""


def check_bounds(header: MagFaceConfig, backbone: Backbone, card: ModelCard, images: TrainingImages) -> None:
    """Warn if most magnitudes of a network lie outside the header's bounds, and propose others.

    Args:
        header: MagFace's parameters.
        backbone: the network, with the weights that training starts from.
        card: its model card.
        images: the training set, of which a few images are embedded.
    """
    magnitudes = measure_magnitudes(backbone, card, images)
    inside = ((magnitudes > header.l_a) & (magnitudes < header.u_a)).mean()
    if inside >= ENOUGH:
        return
    low, high = np.quantile(magnitudes, (0.01, 0.99))
    logger.warning(
        f"magface: the network's magnitudes are {low:.3g} to {high:.3g}, outside header.l_a = {header.l_a:g} to"
        f" header.u_a = {header.u_a:g}: {propose(header, low)} would fit"
    )


def propose(header: MagFaceConfig, low: float) -> str:
    """Return the options that set bounds from the lowest magnitude, in the published ratio."""
    l_a = float(f"{low:.2g}")
    u_a = float(f"{l_a * header.u_a / header.l_a:.3g}")
    proposed = replace(header, l_a=l_a, u_a=u_a, lambda_g=LARGEST_FLOAT)  # so large that MagFace does not warn
    least = build(proposed).smallest_lambda_g
    return f"--set header.l_a={l_a:g} --set header.u_a={u_a:g} --set header.lambda_g={OF_LEAST_LAMBDA * least:.3g}"


def measure_magnitudes(backbone: Backbone, card: ModelCard, images: TrainingImages) -> np.ndarray:
    """Return the magnitudes of a few training images, float64, (N,)."""
    rows = np.unique(np.linspace(0, len(images) - 1, min(NUM_IMAGES, len(images))).round().astype(int))
    pixels = np.empty((len(rows), images.size, images.size, 3), np.uint8)
    images.decode(rows, pixels)
    with embedder_in_training(backbone, card, "network") as embedder:
        embeddings_ND = embedder(pixels)
    return np.linalg.norm(embeddings_ND.astype(np.float64), axis=1)
