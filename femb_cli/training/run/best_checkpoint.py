"""Keep the checkpoint with the best verification beside the newest ones, and lead `RUN/best` to it.

Which one is the best follows from `metrics.jsonl` and from the checkpoints that exist, so that a run that was killed at
any moment finds it again.
"""

import errno
from collections.abc import Sequence
from pathlib import Path

from femb_cli.checkpoints.runs import BEST, MODEL, checkpoint_path, keep_newest_checkpoints
from femb_cli.config.schema import TrainConfig
from femb_cli.errors import UsageError
from femb_cli.files import write_errors
from femb_cli.runtime.ranks import is_main_process
from femb_cli.training.run.metrics_file import BestResult, best_result, read_metrics


def check_best_benchmark(config: TrainConfig, benchmarks: Sequence[str]) -> None:
    """Refuse a `checkpoint.best` that is none of the benchmarks of the run, or that has no effect.

    Raises:
        UsageError: it is not.
    """
    name = config.checkpoint.best
    if name not in (None, "first", *benchmarks):
        raise UsageError(
            f"checkpoint.best is {name!r}, which is no benchmark of this run: {', '.join(benchmarks) or 'it has none'}",
            hint=f"add it to validation.benchmarks: --set validation.benchmarks=[{name}]",
        )
    if name not in (None, "first") and config.validation.every == 0:
        raise UsageError(
            f"checkpoint.best = {name!r} has no effect: the run is verified at its end only",
            hint="--set validation.every=2000 verifies it every 2000 steps",
        )


def find_best(run: Path, config: TrainConfig, step: int | None = None) -> BestResult | None:
    """Return the best verification of a run among those whose checkpoint is kept.

    Args:
        run: the run.
        config: its configuration.
        step: a step that has been verified just now, whose checkpoint may not be saved yet.

    Returns:
        The best one; None if the run keeps no best checkpoint or has no verification.
    """
    if config.checkpoint.best is None or config.validation.every == 0:
        return None
    lines = [line for line in read_metrics(run) if line["step"] == step or _is_saved(run, line["step"])]
    return best_result(lines, None if config.checkpoint.best == "first" else config.checkpoint.best)


def is_best_so_far(run: Path, config: TrainConfig, step: int) -> bool:
    """Whether the verification after `step` steps, which is in the log, is the best so far; called by every process.

    An equal result does not replace an earlier one.
    """
    from accelerate.utils import broadcast_object_list  # loads torch, which a dry run does not need

    answer = [False]
    if is_main_process():
        best = find_best(run, config, step)
        answer = [best is not None and best.step == step]
    broadcast_object_list(answer)
    return answer[0]


def keep_checkpoints(run: Path, config: TrainConfig) -> None:
    """Delete all checkpoints of a run but the newest and the best one, and lead `best` to that.

    Raises:
        FembError: the run's directory cannot be changed.
    """
    best = find_best(run, config)
    checkpoint = None if best is None else checkpoint_path(run, best.step)
    keep_newest_checkpoints(run, config.checkpoint.keep, also=checkpoint)
    with write_errors(run):
        _link(run / BEST, checkpoint)


def _is_saved(run: Path, step: int) -> bool:
    return (checkpoint_path(run, step) / MODEL).is_file()


def _link(link: Path, checkpoint: Path | None) -> None:
    """Make a link to a checkpoint of its run, or remove it; on a file system without links there is none."""
    aside = link.with_name(f".{BEST}.tmp")
    aside.unlink(missing_ok=True)  # of a process that was killed here
    if checkpoint is None:
        link.unlink(missing_ok=True)
        return
    try:
        aside.symlink_to(checkpoint.relative_to(link.parent))
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP):
            raise
        return
    aside.replace(link)
