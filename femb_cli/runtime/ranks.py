"""Which process this is, among those that were started together.

Where a process has joined torch's process group, the group says so. Elsewhere the environment variables do that every
launcher sets: femb's own, torchrun and accelerate launch. torch is not imported for this.
"""

import os
import sys


def inside_launcher() -> bool:
    """Whether a launcher has started this process, together with others."""
    return "LOCAL_RANK" in os.environ


def has_joined_group() -> bool:
    """Whether this process has joined torch's process group, so that collectives reach the other processes."""
    distributed = sys.modules.get("torch.distributed")
    return distributed is not None and distributed.is_available() and distributed.is_initialized()


def rank() -> int:
    """The number of this process, from 0."""
    if has_joined_group():
        return sys.modules["torch.distributed"].get_rank()
    return int(os.environ.get("RANK", "0"))


def world_size() -> int:
    """The number of processes that were started together; 1 for a process alone."""
    if has_joined_group():
        return sys.modules["torch.distributed"].get_world_size()
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_main_process() -> bool:
    """Whether this is the process that prints and writes files; the others leave that to it."""
    return rank() == 0
