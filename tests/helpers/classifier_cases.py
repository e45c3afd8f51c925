"""Headers and batches on which all ways to compute the softmax must agree."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from femb_cli.classifier import MarginClassifier
from femb_cli.config.schema import HeaderConfig
from femb_cli.config.section import choices
from femb_cli.headers import build_header

DIM = 8
NUM_IDENTITIES = 23

# At scale 64 a logit in float32 has an error of 4e-6, and gradients are no better.
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5}

# Every header as published, and those that change the negatives, the scale or the gradient.
HEADERS: dict[str, tuple[str, dict[str, Any]]] = {name: (name, {}) for name in choices(HeaderConfig)} | {
    "arcface official": ("arcface", {"gradient": "official"}),
    "arcface filtered": ("arcface", {"interclass_filter": 0.2}),
    "a-softmax": ("sphereface", {"scale": None, "margin": 4.0, "annealing": 5.0}),
    "sphereface negatives": ("sphereface", {"variant": "negatives"}),
    "magface linear": ("magface", {"easy_margin": False}),
    "elasticface plus": ("elasticface", {"plus": True}),
    "adaface fast": ("adaface", {"t_alpha": 0.9}),
    "curricularface fast": ("curricularface", {"alpha": 0.9}),
}


@dataclass(frozen=True)
class Batch:
    """Raw embeddings (B, D), and their identities (B,)."""

    embeddings: Tensor
    labels: Tensor


def batch_of(size: int = 12, num_identities: int = NUM_IDENTITIES) -> Batch:
    """Magnitudes from 5 to 130, on both sides of MagFace's bounds; the last two samples share an identity."""
    generator = torch.Generator().manual_seed(size)
    directions = torch.randn(size, DIM, dtype=torch.float64, generator=generator)
    directions /= directions.norm(dim=1, keepdim=True)
    labels = torch.randint(num_identities, (size,), generator=generator)
    labels[-1:] = labels[-2:-1] if size > 1 else labels
    return Batch(directions * torch.linspace(5, 130, size, dtype=torch.float64)[:, None], labels)


def classifier_of(
    case: str, dtype: torch.dtype = torch.float64, num_identities: int = NUM_IDENTITIES, **options: Any
) -> MarginClassifier:
    """A classifier with the same class weights (of norms about 1) and draws for any number of processes."""
    name, parameters = HEADERS[case]
    torch.manual_seed(0)
    classifier = MarginClassifier(build_header(name, **parameters), DIM, num_identities, **options)
    classifier.weight.data *= 30
    classifier.seed(0)
    return classifier.to(dtype)


def results_of(classifier: MarginClassifier, batch: Batch) -> dict[str, Tensor]:
    """Losses and gradients of one batch, in the class weights' dtype, and the header's state after it."""
    embeddings = batch.embeddings.to(classifier.weight.dtype).requires_grad_()
    output = classifier(embeddings, batch.labels)
    d_embeddings, d_weight = torch.autograd.grad(output.loss, [embeddings, classifier.weight])
    results = {
        "loss": output.loss.detach(),
        "cross_entropy": output.cross_entropy.detach(),
        "regularizer": output.regularizer.detach(),
        "magnitude": output.magnitude,
        "dE": d_embeddings,
        "dW": d_weight.to_dense(),
    }
    return results | dict(classifier.header.named_buffers())


def assert_close(actual: dict[str, Tensor], expected: dict[str, Tensor], tolerance: float = 1e-12) -> None:
    """Check that tensors are equal, each within a share of its largest entry."""
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        assert actual[name].shape == value.shape, name
        allowed = tolerance * value.abs().amax() if value.numel() else 0
        error = (actual[name] - value).abs()
        assert (error <= allowed).all(), f"{name} is off by {error.max()} of {value.abs().max()}"
