"""The devices of this machine: which one to compute on, and how many processes can share them."""

import torch
from accelerate import PartialState

from femb_cli.errors import FembError, UsageError
from femb_cli.runtime.ranks import inside_launcher


def pick_device(device: str | torch.device | None) -> torch.device:
    """The device that a person asked for, or the best there is.

    Raises:
        FembError: torch cannot use that device here.
    """
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise FembError(f"cannot use the device {str(device)!r}: {str(error).splitlines()[0]}") from error
    return chosen


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
