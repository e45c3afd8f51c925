"""A small network to export, and how far its copies are from it."""

import numpy as np
from thresholds import threshold

from femb_cli.checkpoints.card import ModelCard
from femb_cli.config.schema import IResNetConfig
from femb_cli.data.images.preprocess import Preprocessing

SIZE = 32
SMALL = IResNetConfig("iresnet18", embedding_dim=16, input_size=SIZE, width=0.125, bn_eps=2e-5)
CARD = ModelCard(
    SMALL,
    Preprocessing(SIZE, "BGR", mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6)),
    flip="none",
    source={"license": "MIT", "file": "gesichter äöü.pth"},
    thresholds=(threshold(),),
)


def relative(found, expected):
    """The largest difference, as a share of the largest entry."""
    return np.abs(found - expected).max() / np.abs(expected).max()
