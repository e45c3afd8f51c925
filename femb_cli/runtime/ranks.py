"""Which process this is, among those that were started together."""

import os


def inside_launcher() -> bool:
    """Whether this process was started together with others (by femb, torchrun or accelerate launch)."""
    return "LOCAL_RANK" in os.environ


def num_processes() -> int:
    """How many were started together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_main_process() -> bool:
    """Whether this process speaks and writes for all."""
    return os.environ.get("RANK", "0") == "0"
