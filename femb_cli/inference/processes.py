"""Processes that embed together."""

from accelerate import PartialState

from femb_cli.inference.embedder import pick_device


def join_processes(device: str | None) -> None:
    """Meet the processes that were started together, each on the GPU that is its own; before any network is moved.

    Raises:
        FembError: torch cannot use that device here.
    """
    PartialState(cpu=pick_device(device).type == "cpu")
