"""What a training draws and loads for a GPU: batches in pinned memory, the augmentation, dropout."""

import pytest
import torch
from augmented import BYTES, IMAGES, change
from chosen_device import DEVICE
from people import make_job
from torch import nn

from femb_cli.backbones.dropout import Dropout, seed_draws
from femb_cli.config.schema import AugmentConfig
from femb_cli.config.section import choices
from femb_cli.data.loading.loader import ShuffledBatches, TrainingImages, training_batches
from femb_cli.data.open import open_source
from femb_cli.runtime.place_draws import normal, place_keys, uniform
from femb_cli.training.build import build_accelerator, open_batches

pytestmark = pytest.mark.gpu

ON_GPU = DEVICE == "cuda"
PLACES = torch.arange(100)


def keep_busy() -> None:
    """Give the GPU work for a while, so that copies wait behind it."""
    if ON_GPU:
        matrix = torch.ones(4096, 4096, device=DEVICE)
        for _ in range(20):
            matrix = matrix @ matrix / 4096


@pytest.mark.parametrize("threads", [0, 2])
def test_batches_arrive_whole_from_pinned_memory_that_is_used_again(people, threads):
    images = TrainingImages(open_source(people))
    rows = list(ShuffledBatches(len(images), 6, start=0, stop=60, seed=1))
    keep_busy()
    arrived = []
    for batch in training_batches(images, rows, threads=threads, pin=ON_GPU):
        assert batch.images_BHW3.is_pinned() == ON_GPU
        arrived.append(batch.to(torch.device(DEVICE)))
    for expected, batch in zip(training_batches(images, rows, threads=0), arrived, strict=True):
        assert batch.images_BHW3.device.type == batch.labels_B.device.type == DEVICE
        assert torch.equal(batch.images_BHW3.cpu(), expected.images_BHW3)
        assert torch.equal(batch.labels_B.cpu(), expected.labels_B)


def test_the_batches_of_a_training_are_on_its_device(people, tmp_path):
    job = make_job(tmp_path / "run", people, device=None if ON_GPU else "cpu", workers=2)
    batches = list(open_batches(job, 1, build_accelerator(job.config, job.device)))
    assert len(batches) == 3
    assert {batch.images_BHW3.device.type for batch in batches} == {DEVICE}


@pytest.mark.parametrize("images", [IMAGES, BYTES], ids=["floats", "bytes"])
@pytest.mark.parametrize("name", choices(AugmentConfig))
def test_images_are_changed_as_on_the_cpu(name, images):
    """A value at the edge between two may be rounded to the other one: those are one in a hundred at most."""
    expected = change(name, images, seed=5, probability=0.7)
    found = change(name, images.to(DEVICE), seed=5, probability=0.7)
    assert found.device.type == DEVICE
    assert found.dtype == expected.dtype
    off = (found.cpu().float() - expected.float()).abs() > 0.05
    assert off.float().mean() < 0.01


def test_the_numbers_of_a_place_are_those_of_the_cpu():
    keys, keys_here = place_keys(7, PLACES), place_keys(7, PLACES.to(DEVICE))
    assert torch.equal(keys_here.cpu(), keys)
    assert torch.equal(uniform(keys_here, 1000, stream=3).cpu(), uniform(keys, 1000, stream=3))
    torch.testing.assert_close(normal(keys_here).cpu(), normal(keys), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("channels", [False, True])
def test_dropout_drops_what_it_drops_on_the_cpu(channels):
    network = nn.Sequential(Dropout(0.5, channels=channels), nn.Identity(), Dropout(0.3, channels=channels))
    seed_draws(network, 3, PLACES)
    images = torch.ones(100, 8, 5, 5)
    torch.testing.assert_close(network(images.to(DEVICE)).cpu(), network(images))
