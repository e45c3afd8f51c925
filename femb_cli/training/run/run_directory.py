"""Make a run's directory, open it again, and keep other processes from training in it meanwhile."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from femb_cli import files
from femb_cli.checkpoints.checksums import CHECKSUMS, checksums_text
from femb_cli.checkpoints.runs import (
    AUGMENTED,
    CHECKPOINTS,
    CONFIG,
    DIVERGENCE,
    HELD_OUT,
    MAGNITUDES,
    METRICS,
    RUN_INFO,
    RUN_SUMMARY,
    checkpoint_folders,
    checkpoint_step,
    is_run,
    write_config,
)
from femb_cli.config.schema import TrainConfig
from femb_cli.errors import FembError

DAMAGED = ".damaged"
"""Ending that a resumed run gives to the name of a damaged checkpoint."""
FILES = (CONFIG, RUN_INFO, RUN_SUMMARY, METRICS, MAGNITUDES, AUGMENTED, DIVERGENCE, HELD_OUT)
"""The files that a run writes aside and renames."""


class RunLock:
    """Makes this process the only one that trains in a run, until the `with` block or the process ends."""

    def __init__(self) -> None:
        self.descriptors: list[int] = []

    def __enter__(self) -> "RunLock":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        while self.descriptors:
            os.close(self.descriptors.pop())

    def take(self, run: Path) -> None:
        """Lock an existing run.

        Raises:
            FembError: another process has locked it, or has just replaced it.
        """
        with files.write_errors(run):
            descriptor = os.open(run, os.O_RDONLY | os.O_DIRECTORY)
            self.descriptors.append(descriptor)
            is_locked = files.is_only_writer(descriptor)
            if not is_locked or not os.path.samestat(os.fstat(descriptor), run.stat()):
                raise FembError(f"another process is training in {run}", hint="wait for it, or choose another run")


def create_run(
    path: Path, config: TrainConfig, info: Mapping[str, Any], lock: RunLock, *, overwrite: bool = False
) -> None:
    """Make the directory of a run, with its configuration, completely or not at all; it is locked from the beginning.

    Args:
        path: the directory to make.
        config: the resolved configuration.
        info: what `run.json` states.
        lock: keeps the directory locked.
        overwrite: replace a run that exists, if nobody trains in it. If it has checkpoints, it stays in `replaced_run`
            until the new one has its first.

    Raises:
        FembError: the directory exists and `overwrite` is false, or it is not a run and is not empty.
    """
    check_replaceable(path, overwrite=overwrite)
    if os.path.lexists(path):
        lock.take(path)
    replaces_weights = bool(checkpoint_folders(path))
    place = replaced_run(path) if replaces_weights else path
    with files.new_folder(place, overwrite=overwrite, keep_locked=lock.descriptors) as aside:
        (aside / CHECKPOINTS).mkdir()
        write_info(aside, info)
        write_config(aside, config)
        files.refuse_existing(path, overwrite=overwrite)  # another process can have made it meanwhile
    if replaces_weights:
        with files.write_errors(path):
            files.exchange_folders(place, path)


def replaced_run(run: Path) -> Path:
    """Return where the run that `--overwrite` replaces stays until the new one has its first checkpoint."""
    return run.parent / f".{run.name}.replaced"


def remove_replaced_run(run: Path) -> None:
    """Remove the run that was replaced, once the new one has a checkpoint.

    Raises:
        FembError: it cannot be removed.
    """
    with files.write_errors(replaced_run(run)):
        files.remove(replaced_run(run))


def put_back_replaced_run(run: Path) -> bool:
    """Put a replaced run back under its name if the new one has ended without a checkpoint; return whether it was.

    Raises:
        FembError: the directory cannot be changed.
    """
    replaced = replaced_run(run)
    if checkpoint_folders(run) or not checkpoint_folders(replaced):
        return False
    with files.write_errors(run):
        files.exchange_folders(replaced, run)
        files.remove(replaced)
    return True


def reopen_run(run: Path, config: TrainConfig, info: Mapping[str, Any], step: int) -> None:
    """Mark a run as unfinished, with its new configuration, once its checkpoint of `step` is loaded.

    Checkpoints of later steps, which could not be loaded, lose their names, so that nothing takes them for the run's
    newest. What killed writers have left behind is removed.
    """
    for path in (run, *(run / name for name in FILES), *_checkpoints_being_written(run)):
        files.remove_leftovers(path)
    with files.write_errors(run):
        for checkpoint in checkpoint_folders(run):
            if (checkpoint_step(checkpoint) or 0) > step:
                damaged = checkpoint.with_name(f"{checkpoint.name}{DAMAGED}")
                files.remove(damaged)
                checkpoint.replace(damaged)
        (run / RUN_SUMMARY).unlink(missing_ok=True)
    if step > 0:
        remove_replaced_run(run)
    if not (run / RUN_INFO).exists():  # the checkpoints of an older femb: from now on all have checksums
        for checkpoint in checkpoint_folders(run):
            if not (checkpoint / CHECKSUMS).exists():
                files.write_text(checkpoint / CHECKSUMS, checksums_text(checkpoint))
    write_config(run, config)
    write_info(run, info)


def write_info(run: Path, info: Mapping[str, Any]) -> None:
    """Write what a run trains on: its training set's identity, its processes and its device."""
    files.write_text(run / RUN_INFO, json.dumps(info, indent=2) + "\n")


def read_info(run: Path) -> Mapping[str, Any] | None:
    """Read what a run trains on; None for a run of an older femb, which has not stored it.

    Raises:
        FembError: the file is damaged.
    """
    file = run / RUN_INFO
    if not file.exists():
        return None
    try:
        if not file.is_file():
            raise ValueError("it is not a regular file")
        match json.loads(file.read_text(encoding="utf-8")):
            case {"processes": int(number), "device": str(), "data": dict()} as info if number > 0:
                return info
        raise ValueError("it does not state the training set, the processes and the device")
    except OSError as error:
        raise FembError(f"cannot read {file}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise FembError(
            f"{file} is damaged: {error}", hint="without it the run goes on, but its training set is not compared"
        ) from error


def check_replaceable(path: Path, *, overwrite: bool) -> None:
    """Refuse to replace an existing run without `overwrite`, and to delete anything that is not a run.

    Raises:
        FembError: there is such a run, or something else, at the path.
    """
    if not os.path.lexists(path):
        return
    if is_run(path):
        if not overwrite:
            raise FembError(
                f"the run {path} exists already", hint=f"femb train --resume {path}, another --out, or --overwrite"
            )
    elif not path.is_dir() or not is_half_made(path):
        raise FembError(
            f"{path} exists already and is not a run: femb does not delete it",
            hint="choose another --out",
        )
    elif not overwrite:
        raise FembError(f"{path} exists already", hint="choose another --out, or pass --overwrite to replace it")


def is_half_made(path: Path) -> bool:
    """Whether a directory is empty, or holds only what an older femb had written when it was killed."""
    others = [entry for entry in path.iterdir() if not entry.name.startswith((f".{CONFIG}.", f".{RUN_INFO}."))]
    return not others or (others == [path / CHECKPOINTS] and others[0].is_dir() and not any(others[0].iterdir()))


def _checkpoints_being_written(run: Path) -> list[Path]:
    """Return the names of the checkpoints of which `checkpoints/` holds a temporary directory."""
    entries = (entry.name.split(".") for entry in (run / CHECKPOINTS).glob(".step-*.*"))
    return sorted({run / CHECKPOINTS / parts[1] for parts in entries if len(parts) == 4})
