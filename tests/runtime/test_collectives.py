"""Collectives between processes, and that a process outside a group keeps its tensors."""

import pytest
import torch

from femb_cli.classifier import MarginClassifier
from femb_cli.headers import build_header
from femb_cli.runtime.collectives import (
    all_gather,
    all_gather_counts,
    all_gather_detached,
    all_reduce,
    all_reduce_gradient,
    gather_to_main,
    group_rank,
    group_size,
    scale_gradient,
)

ROWS = (3, 0, 2)
"""Rows of three processes; one has none."""


def rows_of(rank):
    """Rows that no other process has: 100 for each rank, and their own number."""
    return 100.0 * rank + torch.arange(2.0 * ROWS[rank]).view(-1, 2)


WHOLE = torch.cat([rows_of(rank) for rank in range(3)])


def gathered():
    own = rows_of(group_rank())
    counts = all_gather_counts(own)
    return counts, all_gather_detached(own, counts), gather_to_main(own)


def test_rows_are_concatenated_in_the_order_of_the_ranks(processes):
    for rank, (counts, whole, on_main) in enumerate(processes(3).run(gathered)):
        assert counts == list(ROWS)
        assert torch.equal(whole, WHOLE)
        assert torch.equal(on_main, WHOLE if rank == 0 else rows_of(rank))


def gradient_of_gathered():
    own = rows_of(group_rank()).requires_grad_()
    whole = all_gather(own, all_gather_counts(own))
    (whole * torch.arange(float(whole.numel())).view_as(whole)).sum().backward()
    return own.grad


def test_each_process_receives_the_gradient_of_its_own_rows(processes):
    gradient = torch.arange(float(WHOLE.numel())).view_as(WHOLE)
    for own, expected in zip(processes(3).run(gradient_of_gathered), gradient.split(ROWS), strict=True):
        assert torch.equal(own, expected)


def reduced():
    value = torch.tensor([1.0, 10.0 ** group_rank()], requires_grad=True)
    total = all_reduce(value)
    (all_reduce_gradient(value) * (group_rank() + 1)).sum().backward()
    return total, value.grad


def test_sums_and_summed_gradients_are_the_same_everywhere(processes):
    for total, gradient in processes(3).run(reduced):
        assert total.tolist() == [3.0, 111.0]
        assert not total.requires_grad
        assert gradient.tolist() == [6.0, 6.0]


def test_a_scaled_gradient_leaves_the_value():
    value = torch.tensor([1.0, 2.0], requires_grad=True)
    scaled = scale_gradient(value, 3.0)
    (scaled * torch.tensor([1.0, 5.0])).sum().backward()
    assert torch.equal(scaled, value)
    assert value.grad.tolist() == [3.0, 15.0]


@pytest.fixture(params=[{}, {"LOCAL_RANK": "1", "RANK": "1", "WORLD_SIZE": "4"}], ids=["alone", "under a launcher"])
def _outside_a_group(request, monkeypatch):
    for name, value in request.param.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("_outside_a_group")
def test_outside_a_group_every_tensor_stays_as_it_is():
    tensor = torch.randn(3, 2)
    assert (group_rank(), group_size()) == (0, 1)
    assert all_gather_counts(tensor) == [3]
    assert all_gather(tensor, [3]) is tensor
    assert all_gather_detached(tensor, [3]) is tensor
    assert all_reduce_gradient(tensor) is tensor
    assert torch.equal(all_reduce(tensor), tensor)
    assert torch.equal(gather_to_main(tensor), tensor)


@pytest.mark.usefixtures("_outside_a_group")
def test_a_classifier_outside_a_group_has_all_classes():
    classifier = MarginClassifier(build_header("arcface"), embedding_dim=4, num_identities=7)
    assert classifier.weight.shape == (7, 4)
    assert classifier(torch.randn(2, 4), torch.tensor([0, 6])).loss.isfinite()
