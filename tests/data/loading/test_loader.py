"""Which images a step sees, and how they reach it."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from femb_cli.data.loading.loader import ShuffledBatches, TrainingImages, training_batches
from femb_cli.data.open import open_source
from femb_cli.data.source import RowGroups
from femb_cli.errors import FembError

NUM_IMAGES, BATCH = 53, 8
NUM_STEPS = 40


def batches(start=0, stop=NUM_STEPS, seed=1, rank=0, world_size=1, groups=None):
    rows = ShuffledBatches(
        NUM_IMAGES, BATCH, start=start, stop=stop, seed=seed, rank=rank, world_size=world_size, groups=groups
    )
    return [batch.tolist() for batch in rows]


def stream(world_size, groups=None):
    """All images in the order in which the ranks together see them."""
    shares = [batches(rank=rank, world_size=world_size, groups=groups) for rank in range(world_size)]
    return [row for parts in zip(*shares, strict=True) for rows in zip(*parts, strict=True) for row in rows]


GROUPS = [None, RowGroups(np.array([0, 10, 11, 30, 40, 53]), at_once=3), RowGroups(np.array([0, 53]), at_once=1)]


@pytest.mark.parametrize("groups", GROUPS)
@pytest.mark.parametrize("world_size", [1, 2, 4])
def test_every_epoch_has_every_image_once_over_all_processes(world_size, groups):
    seen = stream(world_size, groups)
    for epoch in range(len(seen) // NUM_IMAGES):
        assert sorted(seen[epoch * NUM_IMAGES : (epoch + 1) * NUM_IMAGES]) == list(range(NUM_IMAGES))


@pytest.mark.parametrize("world_size", [2, 4])
def test_the_global_batch_does_not_depend_on_the_number_of_processes(world_size):
    assert stream(world_size) == stream(1)


@pytest.mark.parametrize("groups", GROUPS)
@pytest.mark.parametrize("start", [1, 5, 6, 7, 17])
def test_starting_late_gives_the_batches_of_an_unbroken_run(start, groups):
    assert batches(start, 20, groups=groups) == batches(0, 20, groups=groups)[start:]


def test_every_epoch_is_another_permutation():
    seen = stream(1)
    assert seen[:NUM_IMAGES] != seen[NUM_IMAGES : 2 * NUM_IMAGES]


def test_the_seed_decides_the_order():
    assert batches(seed=1) == batches(seed=1) != batches(seed=2)


def test_length_is_the_number_of_steps_left():
    assert len(ShuffledBatches(NUM_IMAGES, BATCH, start=4, stop=10, seed=0)) == 6


def test_a_run_of_any_length_begins_at_once():
    assert len(next(iter(ShuffledBatches(NUM_IMAGES, BATCH, start=0, stop=10**15, seed=0)))) == BATCH


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


@pytest.mark.parametrize("threads", [0, 1, 2])
def test_batches_are_bytes_with_their_identities(people, threads):
    images = TrainingImages(open_source(people), size=16)
    assert (len(images), images.num_identities) == (6, 3)
    shades = []
    rows = ShuffledBatches(6, 3, start=0, stop=2, seed=0)
    for batch in training_batches(images, rows, threads=threads):
        assert batch.images_BHW3.shape == (3, 16, 16, 3)
        assert batch.images_BHW3.dtype == torch.uint8
        assert batch.labels_B.dtype == torch.int64
        assert torch.equal(batch.images_BHW3[:, 0, 0, 0] // 40, batch.labels_B)
        shades += batch.images_BHW3[:, 8, 8, 1].tolist()
    assert sorted(shades) == [0, 1, 40, 41, 80, 81]


@pytest.mark.parametrize("threads", [0, 2])
def test_a_batch_knows_the_rows_of_its_images(people, threads):
    source = open_source(people)
    rows = ShuffledBatches(6, 4, start=0, stop=3, seed=0)
    for batch, rows_B in zip(training_batches(TrainingImages(source, 16), rows, threads=threads), rows, strict=True):
        assert np.array_equal(batch.rows_B, rows_B)
        for image, row in zip(batch.images_BHW3, batch.rows_B.tolist(), strict=True):
            person, number = source.names[row].removeprefix("person").removesuffix(".png").split("/")
            assert image[8, 8, 1] == 40 * int(person) + int(number)


def test_a_batch_on_another_device_knows_its_rows_still(people):
    images = TrainingImages(open_source(people), 16)
    (batch,) = training_batches(images, [np.array([4, 1])], threads=0)
    moved = batch.to(torch.device("meta"))
    assert (moved.images_BHW3.device.type, moved.labels_B.device.type) == ("meta", "meta")
    assert moved.rows_B.tolist() == [4, 1]


def test_images_without_identities_are_refused(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "1.png")
    with pytest.raises(FembError, match="identit"):
        TrainingImages(open_source(tmp_path))


def test_a_damaged_image_is_named(people):
    (people / "person1/0.png").write_bytes(b"damaged")
    images = TrainingImages(open_source(people))
    with pytest.raises(FembError, match=r"person1/0\.png") as caught:
        images.decode(np.array([1, 2]), np.empty((2, 112, 112, 3), np.uint8))
    assert "put an intact image in its place" in caught.value.hint


def test_labels_can_be_read_without_decoding(people):
    assert np.array_equal(TrainingImages(open_source(people)).labels_N, [0, 0, 1, 1, 2, 2])
