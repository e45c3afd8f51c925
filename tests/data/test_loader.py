"""Which images a step sees, and how they reach it."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from femb_cli.data.loader import ShuffledBatches, TrainingImages, training_loader
from femb_cli.data.source import open_source
from femb_cli.errors import FembError

NUM_IMAGES, BATCH = 53, 8
STEPS_PER_EPOCH = 6


def batches(start=0, stop=STEPS_PER_EPOCH, seed=1, rank=0, world_size=1):
    sampler = ShuffledBatches(NUM_IMAGES, BATCH, start=start, stop=stop, seed=seed, rank=rank, world_size=world_size)
    return list(sampler)


@pytest.mark.parametrize("world_size", [1, 2, 4])
@pytest.mark.parametrize("epoch", [0, 3])
def test_every_image_is_seen_once_per_epoch_up_to_the_dropped_batch(world_size, epoch):
    start = epoch * STEPS_PER_EPOCH
    shares = [batches(start, start + STEPS_PER_EPOCH, rank=rank, world_size=world_size) for rank in range(world_size)]
    seen = [index for share in shares for batch in share for index in batch]
    assert len(seen) == len(set(seen)) == STEPS_PER_EPOCH * BATCH
    assert set(seen) <= set(range(NUM_IMAGES))


@pytest.mark.parametrize("world_size", [2, 4])
def test_the_global_batch_does_not_depend_on_the_number_of_processes(world_size):
    shares = [batches(stop=20, rank=rank, world_size=world_size) for rank in range(world_size)]
    for whole, *parts in zip(batches(stop=20), *shares, strict=True):
        assert {len(part) for part in parts} == {BATCH // world_size}
        assert sorted(index for part in parts for index in part) == sorted(whole)


@pytest.mark.parametrize("start", [1, 5, 6, 7, 17])
def test_starting_late_gives_the_batches_of_an_unbroken_run(start):
    assert batches(start, 20) == batches(0, 20)[start:]


def test_every_epoch_is_another_permutation():
    first, second = batches(0, 6), batches(6, 12)
    assert first != second
    assert batches(0, 12) == first + second


def test_the_seed_decides_the_order():
    assert batches(seed=1) == batches(seed=1) != batches(seed=2)


def test_length_is_the_number_of_steps_left():
    assert len(ShuffledBatches(NUM_IMAGES, BATCH, start=4, stop=10, seed=0)) == 6


@pytest.fixture
def people(tmp_path) -> Path:
    """Six images of three people, each of one shade: 40 times the person's number, plus the image's."""
    for person in range(3):
        for number in range(2):
            path = tmp_path / f"person{person}" / f"{number}.png"
            path.parent.mkdir(exist_ok=True)
            buffer = io.BytesIO()
            Image.new("RGB", (20, 20), (40 * person + number,) * 3).save(buffer, "PNG")
            path.write_bytes(buffer.getvalue())
    return tmp_path


@pytest.mark.parametrize("workers", [0, 1])
def test_batches_are_bytes_with_their_identities(people, workers):
    images = TrainingImages(open_source(people), size=16)
    assert (len(images), images.num_identities) == (6, 3)
    loader = training_loader(images, ShuffledBatches(6, 3, start=0, stop=2, seed=0), workers=workers, pin=False)
    shades = []
    for pixels, labels in loader:
        assert pixels.shape == (3, 16, 16, 3)
        assert pixels.dtype == torch.uint8
        assert torch.equal(pixels[:, 0, 0, 0] // 40, labels)
        shades += pixels[:, 8, 8, 1].tolist()
    assert sorted(shades) == [0, 1, 40, 41, 80, 81]


def test_images_without_identities_are_refused(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "1.png")
    with pytest.raises(FembError, match="identit"):
        TrainingImages(open_source(tmp_path))


def test_a_damaged_image_is_named(people):
    (people / "person1/0.png").write_bytes(b"damaged")
    images = TrainingImages(open_source(people))
    with pytest.raises(FembError, match=r"person1/0\.png"):
        images[2]


def test_labels_can_be_read_without_decoding(people):
    assert np.array_equal(TrainingImages(open_source(people)).labels_N, [0, 0, 1, 1, 2, 2])
