"""The randomness of a training step."""

import torch

from femb_cli.classifier import MarginClassifier
from femb_cli.headers import build_header
from femb_cli.training.randomness import seed_step


def draws(seed, step, rank):
    """One number of torch's generator, which dropout uses, and one of the augmentation's."""
    augmentation = seed_step(seed, step, rank, MarginClassifier(build_header("elasticface"), 8, 3), world_size=2**17)
    return torch.rand(()).item(), augmentation.of("flip 1").uniform(1).item()


def sampled_classes(seed, step, rank):
    """Which of 100 class weights one step on one process gives a gradient."""
    torch.manual_seed(0)
    classifier = MarginClassifier(build_header("arcface"), 8, 100, sample_rate=0.1)
    seed_step(seed, step, rank, classifier)
    classifier(torch.ones(2, 8), torch.tensor([0, 1])).loss.backward()
    return classifier.weight.grad.to_dense().any(1).nonzero()[:, 0].tolist()


def test_a_steps_randomness_depends_on_seed_step_and_rank_alone():
    places = [(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0)]
    assert [draws(*place) for place in places] == [draws(*place) for place in places]
    assert len({draws(*place) for place in places}) == 4


def test_every_seed_of_the_schema_can_be_used():
    assert len({draws(2**53, step, rank) for step in (0, 10**9) for rank in (0, 2**16)}) == 4


def test_the_classifier_gets_one_seed_on_all_ranks_and_another_in_each_step():
    assert len(sampled_classes(0, 0, rank=0)) == 10
    assert sampled_classes(0, 0, rank=0) == sampled_classes(0, 0, rank=1) != sampled_classes(0, 1, rank=0)
