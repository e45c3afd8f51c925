"""Choose the device to compute on, check that the machine has enough GPUs, and join the process group."""

import torch
from accelerate import PartialState

from femb_cli.errors import FembError, UsageError
from femb_cli.runtime.ranks import inside_launcher


def pick_device(device: str | torch.device | None) -> torch.device:
    """Return the requested device; None: a GPU if there is one, else the CPU.

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


def check_devices(processes: int, gpus: int | None, device: str | None) -> None:
    """Refuse more GPUs than this machine has, and more processes than GPUs.

    Args:
        processes: how many processes are to be started.
        gpus: value of `--gpus`; None: not given.
        device: value of `--device`; None: a GPU if there is one.

    Raises:
        UsageError: the machine has too few GPUs.
    """
    present = torch.cuda.device_count()
    hint = "--processes N --device cpu computes on the CPU with N processes"
    if gpus is not None and gpus > present:
        raise UsageError(f"{gpus} GPUs were asked for, but this machine has {present}", hint=hint)
    if present and not inside_launcher() and device != "cpu" and processes > present:
        raise UsageError(f"{processes} processes cannot share {present} GPUs", hint=hint)


def join_process_group(device: str | None) -> None:
    """Join the process group, with one GPU for each process; call it before moving a network to its device.

    Raises:
        FembError: torch cannot use that device here.
    """
    # On a machine without a GPU, Accelerate joins the group only with cpu=True.
    PartialState(cpu=pick_device(device).type == "cpu")
