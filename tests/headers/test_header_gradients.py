"""Gradients: against finite differences where they are calculus, and finite where the formulae are singular."""

import pytest
import torch

from femb_cli.classifier import MarginClassifier
from femb_cli.headers import build_header

HEADERS = [
    ("linear", {}),
    ("arcface", {"scale": 8.0}),
    ("cosface", {"scale": 8.0}),
    ("sphereface", {"scale": 8.0}),
    ("sphereface", {"scale": None, "margin": 4.0}),
    ("magface", {"scale": 8.0}),
    ("magface", {"scale": 8.0, "easy_margin": False}),
    ("elasticface", {"scale": 8.0, "std": 0.0}),
    ("elasticface", {"scale": 8.0, "std": 0.0, "kind": "cos", "plus": True}),
]
IDS = [f"{name} {parameters}" for name, parameters in HEADERS]
LABELS = torch.tensor([0, 1, 2, 3, 0])


def loss_of(classifier, embeddings, weight):
    return torch.func.functional_call(classifier, {"weight": weight}, (embeddings, LABELS)).loss


@pytest.mark.parametrize("name, parameters", HEADERS, ids=IDS)
def test_gradients_agree_with_finite_differences(name, parameters):
    generator = torch.Generator().manual_seed(3)
    embeddings = torch.randn(5, 6, dtype=torch.float64, generator=generator)
    embeddings = (
        embeddings / embeddings.norm(dim=1, keepdim=True) * torch.tensor([[12.0], [30.0], [70.0], [5.0], [130.0]])
    )
    weight = torch.randn(4, 6, dtype=torch.float64, generator=generator)
    classifier = MarginClassifier(build_header(name, **parameters), 6, 4).double()
    inputs = (embeddings.requires_grad_(), weight.requires_grad_())
    assert torch.autograd.gradcheck(lambda e, w: loss_of(classifier, e, w), inputs, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("magnitude", [0.0, 1e-3, 1.0, 1e4])
@pytest.mark.parametrize("name, parameters", [*HEADERS, ("arcface", {"gradient": "official"})])
def test_loss_and_gradients_are_finite_at_cosine_one_and_minus_one(name, parameters, magnitude, dtype):
    weight = torch.randn(4, 6, generator=torch.Generator().manual_seed(1)).to(dtype)
    unit = torch.nn.functional.normalize(weight)
    sign = torch.tensor([[1.0], [-1.0], [1.0], [-1.0], [-1.0]], dtype=dtype)
    embeddings = magnitude * sign * unit[LABELS]
    classifier = MarginClassifier(build_header(name, **parameters), 6, 4).to(dtype)
    inputs = (embeddings.requires_grad_(), weight.requires_grad_())
    loss = loss_of(classifier, *inputs)
    assert loss.isfinite()
    assert all(gradient.isfinite().all() for gradient in torch.autograd.grad(loss, inputs))


@pytest.mark.parametrize("name, parameters", HEADERS, ids=IDS)
def test_float32_agrees_with_float64(name, parameters):
    generator = torch.Generator().manual_seed(5)
    embeddings = 20 * torch.randn(5, 6, dtype=torch.float64, generator=generator)
    weight = torch.randn(4, 6, dtype=torch.float64, generator=generator)
    classifier = MarginClassifier(build_header(name, **parameters), 6, 4)
    exact, rounded = loss_of(classifier, embeddings, weight), loss_of(classifier, embeddings.float(), weight.float())
    assert rounded.item() == pytest.approx(exact.item(), rel=2e-5)


def test_official_arcface_gradient_is_that_of_the_plain_cosine():
    cosine = torch.tensor([0.9, 0.1, -0.7], dtype=torch.float64, requires_grad=True)
    target = build_header("arcface", gradient="official").target(cosine, torch.ones(3))
    (gradient,) = torch.autograd.grad(target.sum(), cosine)
    assert gradient.tolist() == [1.0, 1.0, 1.0]
