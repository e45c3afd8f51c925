"""Logits of embeddings at whole degrees from their class, and samples with simple magnitudes and cosines."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from femb_cli.classifier import MarginClassifier
from femb_cli.headers import build_header

DEGREES = np.arange(181)
THETA = np.radians(DEGREES)
MAGNITUDE = 40.0
OTHERS = torch.tensor([[0.0, 1.0, 0.0], [-3.0, 0.5, 2.0], [0.1, -0.2, 0.7]], dtype=torch.float64)


def logits_by_degree(name: str, magnitude: float = MAGNITUDE, **parameters: Any) -> NDArray[np.float64]:
    """Logits (181, 4) of embeddings that turn away from class 0, their target, in steps of a degree."""
    classifier = MarginClassifier(build_header(name, **parameters), 3, 4).double()
    classifier.weight.data = torch.cat([torch.tensor([[2.0, 0.0, 0.0]]).double(), OTHERS])
    circle = np.stack([np.cos(THETA), np.sin(THETA), np.zeros(181)], 1)
    embeddings = torch.from_numpy(magnitude * circle)
    return classifier.logits(embeddings, torch.zeros(181, dtype=torch.long)).detach().numpy()


def target_by_degree(name: str, magnitude: float = MAGNITUDE, **parameters: Any) -> NDArray[np.float64]:
    """The targets' logits (181,)."""
    return logits_by_degree(name, magnitude, **parameters)[:, 0]


def negatives_by_degree(name: str, **parameters: Any) -> NDArray[np.float64]:
    """The logits (181, 3) of the other classes."""
    return logits_by_degree(name, **parameters)[:, 1:]


def negative_cosines() -> NDArray[np.float64]:
    """Cosines (181, 3) of the embeddings with the other classes."""
    unit = (OTHERS / OTHERS.norm(dim=1, keepdim=True)).numpy()
    return np.stack([np.cos(THETA), np.sin(THETA), np.zeros(181)], 1) @ unit.T


def arcface_continued(margin: float) -> NDArray[np.float64]:
    """cos(theta + margin), and cos(theta) - margin sin(margin) beyond pi - margin."""
    line = np.cos(THETA) - margin * np.sin(margin)
    return np.where(np.pi - margin > THETA, np.cos(THETA + margin), line)


def assert_target_logits(expected: NDArray[np.float64], name: str, **parameters: Any) -> None:
    """The targets' logits are these."""
    np.testing.assert_allclose(target_by_degree(name, **parameters), expected, atol=1e-9 * 64)


def assert_negatives_keep_their_cosine(name: str, **parameters: Any) -> None:
    scale = parameters.get("scale", 64.0) or MAGNITUDE
    np.testing.assert_allclose(negatives_by_degree(name, **parameters), scale * negative_cosines(), atol=1e-9)


SAMPLES = torch.tensor([[3.0, 4.0], [30.0, 40.0], [-600.0, 800.0]])
"""Embeddings with magnitudes 5, 50 and 1000, and cosines 0.6, 0.8 and 0.6 with their classes in `small_classifier`."""
SAMPLE_LABELS = torch.tensor([0, 1, 2])


def small_classifier(name: str, **parameters: Any) -> MarginClassifier:
    classifier = MarginClassifier(build_header(name, **parameters), 2, 3)
    classifier.weight.data = torch.tensor([[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0]])
    return classifier


def state_of(classifier: MarginClassifier) -> dict[str, float]:
    """The state that the header keeps from batch to batch."""
    return {name: value.item() for name, value in classifier.header.named_buffers()}
