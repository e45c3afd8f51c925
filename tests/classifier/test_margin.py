"""The class weights and their softmax."""

import numpy as np
import pytest
import torch

from femb_cli.classifier import MarginClassifier
from femb_cli.headers import build_header

EMBEDDINGS = torch.randn(6, 8, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2, 3, 4, 4])


def classifier(name="arcface"):
    torch.manual_seed(0)
    return MarginClassifier(build_header(name), 8, 5)


def test_loss_is_the_mean_negative_log_probability():
    margin_classifier = classifier()
    logits = margin_classifier.logits(EMBEDDINGS, LABELS).detach().double().numpy()
    target = logits[np.arange(6), LABELS.numpy()]
    expected = (np.log(np.exp(logits - logits.max(1, keepdims=True)).sum(1)) + logits.max(1) - target).mean()
    assert margin_classifier(EMBEDDINGS, LABELS).loss.item() == pytest.approx(expected, rel=1e-5)


def test_magnitude_is_the_batch_mean_and_carries_no_gradient():
    output = classifier()(EMBEDDINGS.clone().requires_grad_(), LABELS)
    assert output.magnitude.item() == pytest.approx(EMBEDDINGS.norm(dim=1).mean().item())
    assert not output.magnitude.requires_grad


def test_one_weight_per_identity_is_learned():
    margin_classifier = classifier()
    assert {name: tuple(p.shape) for name, p in margin_classifier.named_parameters()} == {"weight": (5, 8)}


@pytest.mark.parametrize("name", ["linear", "arcface", "magface"])
def test_softmax_is_float32_under_autocast(name):
    margin_classifier = classifier(name)
    plain = margin_classifier(EMBEDDINGS, LABELS).loss
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = margin_classifier(EMBEDDINGS, LABELS).loss
    assert loss.dtype == torch.float32
    assert loss.item() == plain.item()


def test_half_precision_embeddings_are_raised_to_float32():
    margin_classifier = classifier()
    half = EMBEDDINGS.bfloat16()
    assert margin_classifier.logits(half, LABELS).dtype == torch.float32
    assert torch.equal(margin_classifier.logits(half, LABELS), margin_classifier.logits(half.float(), LABELS))


def test_inputs_are_not_changed():
    embeddings, labels, margin_classifier = EMBEDDINGS.clone(), LABELS.clone(), classifier()
    weight = margin_classifier.weight.detach().clone()
    margin_classifier(embeddings, labels).loss.backward()
    assert torch.equal(embeddings, EMBEDDINGS)
    assert torch.equal(labels, LABELS)
    assert torch.equal(margin_classifier.weight.detach(), weight)


def test_a_few_steps_overfit_a_batch():
    margin_classifier = classifier("cosface")
    embeddings = EMBEDDINGS.clone().requires_grad_()
    optimizer = torch.optim.Adam([embeddings, margin_classifier.weight], lr=0.1)
    first = margin_classifier(embeddings, LABELS).loss.item()
    for _ in range(60):
        optimizer.zero_grad()
        margin_classifier(embeddings, LABELS).loss.backward()
        optimizer.step()
    assert margin_classifier(embeddings, LABELS).loss.item() < 0.05 * first
