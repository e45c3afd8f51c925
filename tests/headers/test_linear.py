"""Softmax without a margin: the inner product."""

import numpy as np
import torch

from femb_cli.classifier import MarginClassifier
from femb_cli.headers import build_header


def test_logits_are_the_raw_inner_products():
    classifier = MarginClassifier(build_header("linear"), 5, 7).double()
    embeddings = 10 * torch.randn(3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    logits = classifier.logits(embeddings, torch.tensor([0, 3, 6])).detach().numpy()
    np.testing.assert_allclose(logits, embeddings.numpy() @ classifier.weight.detach().numpy().T, rtol=1e-12)
