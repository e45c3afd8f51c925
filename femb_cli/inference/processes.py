"""Processes that compute together."""

import torch
from accelerate import PartialState

from femb_cli.errors import UsageError
from femb_cli.inference.embedder import pick_device
from femb_cli.ranks import inside_launcher


def check_processes(processes: int, gpus: int | None, device: str | None) -> None:
    """Refuse more GPUs than this machine has, and processes that would have to share one.

    Args:
        processes: how many are to be started.
        gpus: how many were asked for, if any were.
        device: the device that was asked for; None: a GPU where there is one.

    Raises:
        UsageError: the machine cannot do that.
    """
    present = torch.cuda.device_count()
    hint = "--processes N --device cpu computes on the CPU with N processes"
    if gpus is not None and gpus > present:
        raise UsageError(f"{gpus} GPUs were asked for, but this machine has {present}", hint=hint)
    if present and not inside_launcher() and device != "cpu" and processes > present:
        raise UsageError(f"{processes} processes cannot share {present} GPUs", hint=hint)


def join_processes(device: str | None) -> None:
    """Meet the processes that were started together, each on the GPU that is its own; before any network is moved.

    Raises:
        FembError: torch cannot use that device here.
    """
    PartialState(cpu=pick_device(device).type == "cpu")
