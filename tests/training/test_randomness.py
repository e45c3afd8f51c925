"""The randomness of a training step."""

import pytest
import torch

from femb_cli.backbones.dropout import Dropout
from femb_cli.classifier import MarginClassifier
from femb_cli.data.loading.micro_batch import MicroBatch
from femb_cli.headers import build_header
from femb_cli.training.randomness import seed_micro_batch
from femb_cli.training.state import TrainingState

BATCH = 12


def new_state(step=0, **parameters):
    torch.manual_seed(0)
    classifier = MarginClassifier(build_header("elasticface"), 8, 100, **parameters)
    return TrainingState(Dropout(0.5), classifier, torch.optim.SGD(classifier.parameters()), step=step)


def draws(seed, step, micro_batch):
    """What a part of a batch draws: dropout and augmentation of its images, the margins of all images in it."""
    state = new_state(step)
    augmentation = seed_micro_batch(state, seed, BATCH, micro_batch)
    places = micro_batch.places(BATCH)
    kept = state.backbone(torch.ones(len(places), 20))
    margins = state.classifier.header.draw_margins(torch.zeros(BATCH // micro_batch.count))
    return places, kept, augmentation.uniform(len(places)), margins


def whole(seed, step, count, world_size):
    """The draws of all parts, put together in the order of the batch; margins by the places of their micro-batch."""
    kept, uniform, margins = torch.empty(BATCH, 20), torch.empty(BATCH), torch.empty(BATCH)
    for index in range(count):
        for rank in range(world_size):
            micro_batch = MicroBatch(index, count, rank, world_size)
            places, *drawn = draws(seed, step, micro_batch)
            kept[places], uniform[places] = drawn[0], drawn[1]
            margins[micro_batch.places_of_all(BATCH)] = drawn[2].float()
    return torch.cat([kept, uniform[:, None], margins[:, None]], 1)


@pytest.mark.parametrize("count, world_size", [(1, 2), (2, 1), (1, 3), (2, 3), (4, 1)])
def test_an_images_draws_do_not_depend_on_processes_or_micro_batches(count, world_size):
    assert torch.equal(whole(7, 5, count, world_size), whole(7, 5, 1, 1))


def test_every_seed_and_step_draws_its_own():
    drawn = [whole(seed, step, 1, 1) for seed in (0, 1, 2**53) for step in (0, 1, 10**9)]
    assert not any(torch.equal(drawn[i], drawn[j]) for i in range(len(drawn)) for j in range(i))
    assert torch.equal(drawn[0], whole(0, 0, 1, 1))


def sampled_classes(seed, step):
    """Which of 100 class weights one step gives a gradient."""
    state = new_state(step, sample_rate=0.1)
    seed_micro_batch(state, seed, 2, MicroBatch())
    state.classifier(torch.ones(2, 8), torch.tensor([0, 1])).loss.backward()
    return state.classifier.weight.grad.to_dense().any(1).nonzero()[:, 0].tolist()


def test_the_sampled_classes_are_those_of_the_seed_and_the_step():
    assert len(sampled_classes(0, 0)) == 10
    assert sampled_classes(0, 0) == sampled_classes(0, 0) != sampled_classes(0, 1)
