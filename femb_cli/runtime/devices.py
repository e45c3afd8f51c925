"""Choose the device to compute on, check that the machine has enough GPUs, and join the process group."""

import sys

import torch
from accelerate import PartialState

from femb_cli.errors import FembError, UsageError
from femb_cli.runtime.ranks import inside_launcher
from femb_cli.text import cut


def pick_device(device: str | torch.device | None) -> torch.device:
    """Return the requested device; None: a GPU (`cuda`, or Apple's `mps`) if there is one, else the CPU.

    Raises:
        FembError: torch cannot use that device here.
    """
    present = _present()
    if device is None:
        return torch.device(present[0])
    try:
        chosen = named_device(device)
        if chosen.type in ("cuda", "mps") and chosen.type not in present:
            raise RuntimeError("this machine has none that torch can use")
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError, ImportError) as error:
        reason = str(error).splitlines()[0].partition(". ")[0] if str(error) else type(error).__name__
        raise FembError(
            f"cannot use the device {str(device)!r}: {cut(reason)}", hint=f"here: {', '.join(present)}"
        ) from error
    return chosen


def torch_name(device: str | torch.device) -> str | torch.device:
    """Return torch's name of a device: `gpu` is `cuda`, and 1 is `cuda:1`."""
    if isinstance(device, str) and device.isdecimal():
        return f"cuda:{device}"
    return "cuda" if device == "gpu" else device


def named_device(device: str | torch.device) -> torch.device:
    """Return the device of a name, also if this machine has none.

    Raises:
        FembError: no kind of device that computes has that name.
    """
    try:
        named = torch.device(torch_name(device))
    except RuntimeError:
        named = torch.device("meta")  # which holds no numbers
    if named.type == "meta":
        raise FembError(
            f"cannot use the device {str(device)!r}: there is no such device", hint=f"here: {', '.join(_present())}"
        )
    return named


def _present() -> list[str]:
    """Return the kinds of devices that this machine has, the fastest first."""
    kinds = [("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available()), ("cpu", True)]
    return [kind for kind, is_here in kinds if is_here]


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device computes in bfloat16 itself; others emulate it, which is slower than float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu" and torch.backends.cpu.get_cpu_capability() in ("DEFAULT", "AVX2", "AVX512"):
        # torch has no public name for these two.
        flags = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        return any(getattr(torch.cpu, flag, lambda: False)() for flag in flags)
    return True


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
    if processes > 1 and pick_device(device).type == "mps":
        raise UsageError(f"{processes} processes cannot share Apple's GPU", hint=hint)


def peak_memory_gb(device: torch.device | None) -> float:
    """Return the most memory that has been in use so far, in 10^9 bytes: a GPU's tensors, else that of this process."""
    if device is not None and device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    import resource  # Windows has none

    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e9


def join_process_group(device: str | None) -> None:
    """Join the process group, with one GPU for each process; call it before moving a network to its device.

    Raises:
        FembError: torch cannot use that device here.
    """
    # On a machine without a GPU, Accelerate joins the group only with cpu=True.
    PartialState(cpu=pick_device(device).type == "cpu")
