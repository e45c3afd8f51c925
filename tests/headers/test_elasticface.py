"""ElasticFace: cos(theta + M) or cos(theta) - M, with random margins M."""

import numpy as np
import pytest
import torch
from header_cases import THETA, assert_negatives_keep_their_cosine, assert_target_logits, target_by_degree

from femb_cli.headers import build_header

PUBLISHED = [
    ("arc", False, 0.5, 0.05),
    ("cos", False, 0.35, 0.05),
    ("arc", True, 0.5, 0.0175),
    ("cos", True, 0.35, 0.02),
]


CONSTANT = [
    ({"std": 0.0}, 64 * np.cos(THETA + 0.5)),
    ({"kind": "cos", "std": 0.0}, 64 * (np.cos(THETA) - 0.35)),
]


@pytest.mark.parametrize(("parameters", "expected"), CONSTANT, ids=["arc", "cos"])
def test_target_logit_without_deviation_is_the_closed_form(parameters, expected):
    assert_target_logits(expected, "elasticface", **parameters)


@pytest.mark.parametrize("parameters", [parameters for parameters, _ in CONSTANT], ids=["arc", "cos"])
def test_other_classes_keep_their_cosine(parameters):
    assert_negatives_keep_their_cosine("elasticface", **parameters)


def test_target_logit_of_kind_cos_falls_as_the_angle_grows():
    assert (np.diff(target_by_degree("elasticface", kind="cos", std=0.0)) < 0).all()


@pytest.mark.parametrize("kind, plus, mean, std", PUBLISHED)
def test_margins_have_the_published_mean_and_deviation(kind, plus, mean, std):
    torch.manual_seed(0)
    count = 100_000
    margins = build_header("elasticface", kind=kind, plus=plus).draw_margins(torch.linspace(-1, 1, count).double())
    assert margins.mean().item() == pytest.approx(mean, abs=5 * std / count**0.5)
    assert margins.std().item() == pytest.approx(std, rel=0.02)


def test_every_sample_of_every_batch_has_its_own_margin():
    header = build_header("elasticface")
    cosine = torch.full((8,), 0.5)
    first, second = header.draw_margins(cosine), header.draw_margins(cosine)
    assert len(first.unique()) == 8
    assert not torch.equal(first, second)


def draws_after(seed, header):
    header.seed(seed)
    return header.draw_margins(torch.zeros(8))


def test_the_same_seed_draws_the_same_margins():
    header = build_header("elasticface")
    first, other, again = (draws_after(seed, header) for seed in (7, 8, 7))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_headers_built_after_the_same_torch_seed_draw_the_same_margins():
    cosine = torch.zeros(8)
    draws = [build_header("elasticface").draw_margins(cosine) for _ in range(2) if torch.manual_seed(7)]
    assert torch.equal(*draws)


def test_draws_do_not_use_the_global_generator_of_torch():
    header = build_header("elasticface")
    state = torch.get_rng_state()
    header.draw_margins(torch.zeros(8))
    assert torch.equal(torch.get_rng_state(), state)


def test_draws_are_the_same_in_both_precisions():
    header = build_header("elasticface")
    header.seed(3)
    single = header.draw_margins(torch.zeros(8))
    header.seed(3)
    double = header.draw_margins(torch.zeros(8).double())
    assert double.dtype == torch.float64
    assert single.numpy() == pytest.approx(double.numpy(), abs=1e-6)


@pytest.mark.parametrize("kind", ["arc", "cos"])
def test_plus_gives_the_largest_cosine_the_smallest_margin(kind):
    torch.manual_seed(1)
    cosine = torch.tensor([0.2, 0.9, -0.4, 0.5])
    margins = build_header("elasticface", kind=kind, plus=True).draw_margins(cosine)
    assert margins.argsort().tolist() == [1, 3, 0, 2]


def test_with_the_official_order_margins_and_cosines_are_unrelated():
    header = build_header("elasticface", plus=True, official_order=True)
    header.seed(0)
    cosine = torch.linspace(-1, 1, 10_000)[torch.randperm(10_000, generator=torch.Generator().manual_seed(0))]
    correlation = torch.corrcoef(torch.stack([header.draw_margins(cosine), cosine]))[0, 1].item()
    assert abs(correlation) < 0.05
