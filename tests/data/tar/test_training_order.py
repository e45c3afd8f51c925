"""Training from shards sees the images that training from an Arrow dataset sees, on any number of processes."""

import pytest
import torch
from tars import samples, write_tar

from femb_cli.data.conversion.convert import convert
from femb_cli.data.loading.loader import ShuffledBatches, TrainingImages, training_batches
from femb_cli.data.open import open_source

NUM_IMAGES, BATCH, STEPS = 22, 8, 7


def batches(images: TrainingImages, rank: int, world_size: int, start: int = 0) -> list[tuple]:
    rows = ShuffledBatches(
        len(images), BATCH, start=start, stop=STEPS, seed=3, rank=rank, world_size=world_size, groups=images.groups
    )
    return [
        (batch.rows_B.tolist(), batch.labels_B.tolist(), batch.images_BHW3)
        for batch in training_batches(images, rows, threads=2)
    ]


def are_equal(one: list[tuple], other: list[tuple]) -> bool:
    return len(one) == len(other) and all(
        a[:2] == b[:2] and torch.equal(a[2], b[2]) for a, b in zip(one, other, strict=True)
    )


@pytest.fixture
def forms(tmp_path) -> tuple[TrainingImages, TrainingImages]:
    """The same images in shards and in an Arrow dataset."""
    for number, start in enumerate((0, 7, 14)):
        write_tar(tmp_path / "shards" / f"{number}.tar", samples(min(7, NUM_IMAGES - start) + number // 2, start))
    shards = open_source(tmp_path / "shards")
    convert(shards, tmp_path / "arrow")
    return TrainingImages(shards, 16), TrainingImages(open_source(tmp_path / "arrow"), 16)


@pytest.mark.parametrize("world_size", [1, 2, 4])
def test_every_process_sees_what_it_would_see_from_arrow(forms, world_size):
    shards, arrow = forms
    assert len(shards) == NUM_IMAGES
    for rank in range(world_size):
        assert are_equal(batches(shards, rank, world_size), batches(arrow, rank, world_size))


@pytest.mark.parametrize("world_size", [1, 2, 4])
def test_a_resumed_run_sees_what_an_unbroken_one_sees(forms, world_size):
    for rank in range(world_size):
        whole = batches(forms[0], rank, world_size)
        for start in (1, 3, 6):
            assert are_equal(batches(forms[0], rank, world_size, start), whole[start:])
