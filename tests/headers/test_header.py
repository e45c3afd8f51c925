"""What holds for every header: gradients, the filter of negatives, and the state from batch to batch."""

from itertools import product

import numpy as np
import pytest
import torch
from header_cases import (
    SAMPLE_LABELS,
    SAMPLES,
    logits_by_degree,
    negative_cosines,
    negatives_by_degree,
    small_classifier,
    state_of,
    target_by_degree,
)

from femb_cli.classifier import MarginClassifier
from femb_cli.headers import build_header

HEADERS = [
    ("linear", {}),
    ("arcface", {"scale": 8.0}),
    ("arcface", {"scale": 8.0, "interclass_filter": 0.3}),
    ("cosface", {"scale": 8.0}),
    ("combined", {"scale": 8.0, "m1": 1.2, "m2": 0.3, "m3": 0.1}),
    ("sphereface", {"scale": 8.0}),
    ("sphereface", {"scale": None, "margin": 4.0}),
    ("sphereface", {"scale": None, "margin": 4.0, "annealing": 5.0}),
    ("sphereface", {"scale": 8.0, "variant": "capped"}),
    ("sphereface", {"scale": 8.0, "variant": "negatives"}),
    ("magface", {"scale": 8.0}),
    ("magface", {"scale": 8.0, "easy_margin": False}),
    ("magface", {"scale": 8.0, "kind": "cos"}),
    ("elasticface", {"scale": 8.0, "std": 0.0}),
    ("elasticface", {"scale": 8.0, "std": 0.0, "kind": "cos", "plus": True}),
    # With this h the quality is always 1 or -1. Otherwise it depends on the magnitude without gradient.
    ("adaface", {"scale": 8.0, "h": 1e6}),
    ("curricularface", {"scale": 8.0}),
]
DETACHED = [
    ("arcface", {"gradient": "official"}),
    ("combined", {"gradient": "official"}),
    ("sphereface", {"gradient": "official"}),
    ("sphereface", {"gradient": "official", "variant": "capped"}),
    ("sphereface", {"gradient": "official", "variant": "negatives"}),
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
    loss_of(classifier, embeddings, weight)
    # In evaluation mode the header's state does not change.
    classifier.eval()
    inputs = (embeddings.requires_grad_(), weight.requires_grad_())
    assert torch.autograd.gradcheck(lambda e, w: loss_of(classifier, e, w), inputs, atol=1e-6)


def aligned(magnitude, dtype):
    """Embeddings with cosine 1 or -1 to their target class, and the class weights."""
    weight = torch.randn(4, 6, generator=torch.Generator().manual_seed(1)).to(dtype)
    sign = torch.tensor([[1.0], [-1.0], [1.0], [-1.0], [-1.0]], dtype=dtype)
    return magnitude * sign * torch.nn.functional.normalize(weight)[LABELS], weight


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("magnitude", [0.0, 1e-3, 1.0, 1e4])
@pytest.mark.parametrize("name, parameters", [*HEADERS, *DETACHED])
def test_loss_and_gradients_are_finite_at_cosine_one_and_minus_one(name, parameters, magnitude, dtype):
    embeddings, weight = aligned(magnitude, dtype)
    classifier = MarginClassifier(build_header(name, **parameters), 6, 4).to(dtype)
    inputs = (embeddings.requires_grad_(), weight.requires_grad_())
    loss = loss_of(classifier, *inputs)
    assert loss.isfinite()
    assert all(gradient.isfinite().all() for gradient in torch.autograd.grad(loss, inputs))


@pytest.mark.parametrize("dtype, magnitude", product([torch.bfloat16, torch.float16], [0.0, 1.0, 1e4]))
@pytest.mark.parametrize("name, parameters", [*HEADERS, *DETACHED])
def test_loss_and_gradients_are_finite_for_embeddings_of_half_precision(name, parameters, magnitude, dtype):
    embeddings, weight = aligned(magnitude, torch.float32)
    classifier = MarginClassifier(build_header(name, **parameters), 6, 4)
    inputs = (embeddings.to(dtype).requires_grad_(), weight.requires_grad_())
    with torch.autocast("cpu", dtype=dtype):
        loss = loss_of(classifier, *inputs)
    assert loss.dtype == torch.float32
    assert loss.isfinite()
    assert all(gradient.isfinite().all() for gradient in torch.autograd.grad(loss, inputs))


@pytest.mark.parametrize("name, parameters", HEADERS, ids=IDS)
def test_float32_agrees_with_float64(name, parameters):
    generator = torch.Generator().manual_seed(5)
    embeddings = 20 * torch.randn(5, 6, dtype=torch.float64, generator=generator)
    weight = torch.randn(4, 6, dtype=torch.float64, generator=generator)
    classifier = MarginClassifier(build_header(name, **parameters), 6, 4).eval()
    exact, rounded = loss_of(classifier, embeddings, weight), loss_of(classifier, embeddings.float(), weight.float())
    assert rounded.item() == pytest.approx(exact.item(), rel=2e-5)


@pytest.mark.parametrize("name, parameters", DETACHED)
def test_official_gradient_is_that_of_the_cosine(name, parameters):
    cosine = torch.tensor([0.9, 0.1, -0.7], dtype=torch.float64, requires_grad=True)
    header = build_header(name, **parameters)
    target, negatives = header.target(cosine, torch.ones(3)), header.negatives(cosine[None], cosine.detach()[:1])
    for value in (target, negatives):
        (gradient,) = torch.autograd.grad(value.sum(), cosine, retain_graph=True)
        assert gradient.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("name", ["arcface", "cosface", "combined"])
def test_interclass_filter_leaves_out_the_classes_above_it(name):
    cosines = negative_cosines()
    expected = 64 * np.where(cosines > 0.6, 0, cosines)
    np.testing.assert_allclose(negatives_by_degree(name, interclass_filter=0.6), expected, atol=1e-9)


@pytest.mark.parametrize("name", ["arcface", "cosface", "combined"])
def test_interclass_filter_does_not_change_the_target(name):
    np.testing.assert_array_equal(target_by_degree(name, interclass_filter=0.0), target_by_degree(name))


@pytest.mark.parametrize("name", ["arcface", "cosface", "combined", "sphereface", "elasticface", "curricularface"])
def test_the_magnitude_has_no_effect_if_the_scale_is_fixed(name):
    parameters = {"std": 0.0} if name == "elasticface" else {}
    near, far = (logits_by_degree(name, magnitude, **parameters) for magnitude in (0.5, 200.0))
    np.testing.assert_allclose(near, far, atol=1e-5)


STATEFUL = ["adaface", "curricularface"]


@pytest.mark.parametrize("name", STATEFUL)
def test_evaluation_does_not_change_the_state(name):
    classifier = small_classifier(name).eval()
    before = state_of(classifier)
    classifier(SAMPLES, SAMPLE_LABELS)
    assert state_of(classifier) == before


@pytest.mark.parametrize("name", STATEFUL)
def test_the_state_is_saved_with_the_classifier(name):
    trained, fresh = small_classifier(name), small_classifier(name)
    trained(SAMPLES, SAMPLE_LABELS)
    fresh.load_state_dict(trained.state_dict())
    assert state_of(fresh) == state_of(trained)


@pytest.mark.parametrize("name", STATEFUL)
def test_the_state_has_no_gradient(name):
    classifier = small_classifier(name)
    for _ in range(2):
        classifier(SAMPLES.clone().requires_grad_(), SAMPLE_LABELS).loss.backward()
    assert not any(buffer.requires_grad for buffer in classifier.header.buffers())
