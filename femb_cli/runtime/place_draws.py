"""Random numbers for the images of a batch that depend only on a seed and on an image's place in the batch.

torch's generators give the next number of one sequence, so that a process that has half of the batch would draw other
numbers than one that has all of it. Here each number is a hash of (seed, place, index), computed where it is needed: it
is the same for any number of processes and micro-batches, and on any device.

The hash is a multiplication and shifts on 32 bits (Mueller: Prospecting for Hash Functions, 2018; its `lowbias32`).

Shapes: B images, N numbers for each image.
"""

import torch
from torch import Tensor

MASK = 2**32 - 1


def place_keys(seed: int, places_B: Tensor) -> Tensor:
    """Return a key for each image, int64 below 2**32, (B,), from a seed below 2**64 and its place in the batch."""
    low, high = seed & MASK, seed >> 32 & MASK
    start = _hash(_hash(torch.tensor(low)) ^ high)
    return _hash(_hash(places_B) ^ start.to(places_B.device))


def uniform(key_B: Tensor, count: int, stream: int = 0) -> Tensor:
    """Return numbers from [0, 1), multiples of 2**-24, float32, (B, N).

    Args:
        key_B: keys of the images, see `place_keys`.
        count: N, numbers for each image.
        stream: numbers of other streams, such as those of other layers, are independent of these.
    """
    stream_B = _hash(key_B ^ _hash(torch.tensor(stream + 1)).to(key_B.device))
    index_N = torch.arange(count, device=key_B.device)
    return (_hash(_hash(index_N) ^ stream_B[:, None]) >> 8).float() / 2**24


def normal(key_B: Tensor) -> Tensor:
    """Return one number from the normal distribution N(0, 1) for each image, float64, (B,)."""
    return torch.special.ndtri((_hash(key_B).double() + 0.5) / 2**32)


def _hash(x: Tensor) -> Tensor:
    """Mix the bits of whole numbers below 2**32."""
    x = x ^ (x >> 16)
    x = (x * 0x7FEB352D) & MASK
    x = x ^ (x >> 15)
    x = (x * 0x846CA68B) & MASK
    return x ^ (x >> 16)
