"""The device that the tests of `tests/gpu/` compare with the CPU, and trainings on one device after the other."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

DEVICE = os.environ.get("FEMB_TEST_DEVICE", "cuda")
needs_a_gpu = pytest.mark.skipif(DEVICE == "cpu", reason="a dry run on the CPU: there is no GPU to try this on")


def forget_device() -> None:
    """Make Accelerate forget the device and the precision that it has been given in this process."""
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(reset_partial_state=True)


def train_on(
    device: str, run: Path, people: Path, *, benchmarks: Sequence = (), resumed: bool = False, **settings: object
) -> Path:
    """Train on `cpu`, or on `cuda` as `femb train` does where there is a GPU; return the run's directory."""
    from people import make_job

    from femb_cli.training.loop import train

    forget_device()
    chosen = None if device == "cuda" else device
    train(make_job(run, people, device=chosen, resumed=resumed, **settings), benchmarks)
    return run
