"""The rank of this process and the number of processes.

In a process that has joined torch's process group, they come from the group. Otherwise they come from the environment
variables that every launcher sets: femb's own, torchrun and accelerate launch. This module does not import torch.
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
    """The rank of this process, from 0."""
    if has_joined_group():
        return sys.modules["torch.distributed"].get_rank()
    return int(os.environ.get("RANK", "0"))


def world_size() -> int:
    """The number of processes that were started together; 1 for a process alone."""
    if has_joined_group():
        return sys.modules["torch.distributed"].get_world_size()
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_main_process() -> bool:
    """Whether this process has rank 0; only that process prints and writes files."""
    return rank() == 0
