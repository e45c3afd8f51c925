"""The random numbers of a step."""

import torch

from femb_cli.data.images.augmentation import Draws


def test_every_process_has_its_part_of_the_numbers_of_the_batch():
    whole = Draws(5).uniform(6, 2)
    for world_size in (2, 3):
        for rank in range(world_size):
            assert torch.equal(Draws(5, rank, world_size).uniform(6 // world_size, 2), whole[rank::world_size])


def test_seed_and_key_decide_the_numbers():
    draws = [
        Draws(seed).of(key).uniform(3).tolist() for seed in (0, 1, 2**32) for key in ("flip 1", "flip 2", "blur 1")
    ]
    assert len({tuple(drawn) for drawn in draws}) == 9
    assert draws[0] == Draws(0).of("flip 1").uniform(3).tolist()


def test_numbers_are_within_their_bounds():
    numbers, whole = Draws(0).between(-2, 3, 1000), Draws(0).below(3, 1000)
    assert -2 <= numbers.min() < -1.9
    assert 2.9 < numbers.max() <= 3
    assert whole.bincount().min() > 250
    assert whole.max() == 2
