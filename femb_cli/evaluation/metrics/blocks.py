"""Blocks of a long list, so that what is computed from it takes little memory at a time."""

from collections.abc import Iterator

_BLOCK = 1 << 16
"""Numbers that fit the processor's cache."""


def blocks(length: int, size: int = _BLOCK) -> Iterator[slice]:
    """Yield consecutive blocks of a list of this length."""
    return (slice(start, start + size) for start in range(0, length, size))
