"""Figures of the official implementations, float64."""

import numpy as np
import pytest
import torch

from femb_cli.classifier import MarginClassifier
from femb_cli.headers import build_header
from femb_cli.headers.elasticface import assign_by_cosine

# File to header, and which of its parameters are called what there.
EXACT = {
    "at_arcface": ("arcface", {"gradient": "official"}, {"scale": "s", "margin": "m2"}),
    "ef_arcface": ("arcface", {"gradient": "exact"}, {"scale": "s", "margin": "m"}),
    "at_cosface": ("cosface", {}, {"scale": "s", "margin": "m3"}),
    "ef_cosface": ("cosface", {}, {"scale": "s", "margin": "m"}),
    **{
        name: (
            "magface",
            {},
            {"scale": "s"} | {key: key for key in ("l_a", "u_a", "l_margin", "u_margin", "lambda_g", "easy_margin")},
        )
        for name in ("magface_easy", "magface_noeasy")
    },
}
FORWARD_ONLY = ("sphereface_os", "sphereface_os_m4")
ELASTIC = {"elastic_arc": "arc", "elastic_cos": "cos", "elastic_arcplus": "arc", "elastic_cosplus": "cos"}


def load(shared, name):
    with np.load(shared / "golden/heads" / f"{name}.npz") as file:
        return dict(file)


def assert_close(actual, expected, part):
    error = np.abs(np.asarray(actual) - expected).max()
    assert error <= 1e-9 * np.abs(expected).max(), f"{part} is off by {error}"


def classifier_of(header, golden):
    classifier = MarginClassifier(header, golden["W"].shape[1], golden["W"].shape[0]).double()
    classifier.weight.data = torch.from_numpy(golden["W"])
    return classifier


def assert_same_results(header, golden, suffix=""):
    """Compare logits, both losses and both gradients."""
    classifier = classifier_of(header, golden)
    embeddings, labels = torch.from_numpy(golden["E"]).requires_grad_(), torch.from_numpy(golden["y"])
    assert_close(classifier.logits(embeddings, labels).detach(), golden[f"logits{suffix}"], "logits")
    output = classifier(embeddings, labels)
    output.loss.backward()
    assert_close(output.cross_entropy.item(), golden[f"loss_ce{suffix}"], "cross-entropy")
    assert_close(output.loss.item(), golden[f"loss_total{suffix}"], "loss")
    assert_close(embeddings.grad, golden[f"dE{suffix}"], "gradient of the embeddings")
    assert_close(classifier.weight.grad, golden[f"dW{suffix}"], "gradient of the class weights")


@pytest.mark.parametrize("name", EXACT)
def test_header_equals_the_official_one(shared, name):
    golden = load(shared, name)
    header, parameters, stored = EXACT[name]
    values = {key: golden[source].item() for key, source in stored.items()}
    assert_same_results(build_header(header, **parameters, **values), golden)


@pytest.mark.parametrize("name", ELASTIC)
def test_elasticface_equals_the_official_one_with_its_draws(shared, name):
    golden = load(shared, name)
    suffix = "_inverse" if name.endswith("plus") else ""
    header = build_header("elasticface", kind=ELASTIC[name], scale=golden["s"].item(), plus=bool(suffix))
    margins = torch.from_numpy(golden[f"margins_applied{suffix}"])
    header.draw_margins = lambda cosine_B: margins
    assert_same_results(header, golden, suffix)


@pytest.mark.parametrize("name", ["elastic_arcplus", "elastic_cosplus"])
def test_sorted_margins_go_where_the_paper_wants_them(shared, name):
    golden = load(shared, name)
    drawn, cosine = (torch.from_numpy(golden[key]) for key in ("margins_drawn", "target_cos"))
    assert assign_by_cosine(drawn, cosine).numpy() == pytest.approx(golden["margins_applied_inverse"], abs=0)


@pytest.mark.parametrize("name", FORWARD_ONLY)
def test_sphereface_has_the_official_values(shared, name):
    """Only values: opensphere detaches its margin, so its gradient is another one by design."""
    golden = load(shared, name)
    header = build_header("sphereface", scale=golden["s"].item(), margin=golden["m"].item())
    classifier = classifier_of(header, golden)
    embeddings, labels = torch.from_numpy(golden["E"]), torch.from_numpy(golden["y"])
    assert_close(classifier.logits(embeddings, labels).detach(), golden["logits"], "logits")
    assert_close(classifier(embeddings, labels).loss.item(), golden["loss_total"], "loss")
