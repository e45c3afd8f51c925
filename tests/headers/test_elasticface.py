"""The margins that ElasticFace draws."""

import pytest
import torch

from femb_cli.headers import build_header

PUBLISHED = [
    ("arc", False, 0.5, 0.05),
    ("cos", False, 0.35, 0.05),
    ("arc", True, 0.5, 0.0175),
    ("cos", True, 0.35, 0.02),
]


@pytest.mark.parametrize("kind, plus, mean, std", PUBLISHED)
def test_margins_have_the_published_mean_and_deviation(kind, plus, mean, std):
    torch.manual_seed(0)
    count = 100_000
    margins = build_header("elasticface", kind=kind, plus=plus).draw_margins(torch.linspace(-1, 1, count).double())
    assert margins.mean().item() == pytest.approx(mean, abs=5 * std / count**0.5)
    assert margins.std().item() == pytest.approx(std, rel=0.02)


def test_every_sample_draws_anew():
    header = build_header("elasticface")
    cosine = torch.full((8,), 0.5)
    first, second = header.draw_margins(cosine), header.draw_margins(cosine)
    assert len(first.unique()) == 8
    assert not torch.equal(first, second)


def test_the_same_seed_draws_the_same_margins():
    header, cosine = build_header("elasticface"), torch.zeros(8)
    draws = [header.draw_margins(cosine) for _ in range(2) if torch.manual_seed(7)]
    assert torch.equal(*draws)


@pytest.mark.parametrize("kind", ["arc", "cos"])
def test_plus_gives_the_largest_cosine_the_smallest_margin(kind):
    torch.manual_seed(1)
    cosine = torch.tensor([0.2, 0.9, -0.4, 0.5])
    margins = build_header("elasticface", kind=kind, plus=True).draw_margins(cosine)
    assert margins.argsort().tolist() == [1, 3, 0, 2]
