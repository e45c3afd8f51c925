"""`femb verify --suite`: its benchmarks, the rows of means, and the leaderboard."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from femb_cli.cli.output import Output
from femb_cli.errors import FembError

if TYPE_CHECKING:
    from femb_cli.evaluation.verification.result import Verification


def suite_benchmarks(data_dir: Path | None, output: Output) -> list[str]:
    """Return the benchmarks of the suite whose files are here, and say which are not.

    Raises:
        FembError: none is here.
    """
    from femb_cli.evaluation.verification.benchmark_files import is_here
    from femb_cli.evaluation.verification.benchmarks import BENCHMARKS, SUITE

    here = [name for name in SUITE if is_here(BENCHMARKS[name], data_dir)]
    missing = [name for name in SUITE if name not in here]
    where = f"{data_dir} or femb's cache" if data_dir is not None else "femb's cache"
    if not here:
        raise FembError(
            f"no benchmark of the suite is in {where}",
            hint="--data-dir names their folder; femb list benchmarks --json: from where",
        )
    if missing:
        output.say(f"left out, because not in {where}: {', '.join(missing)}")
    return here


def check_leaderboard(chosen: Path | None, *, suite: bool) -> Path | None:
    """Return the leaderboard to append to, read once so that a damaged one is refused early; None for no leaderboard.

    Args:
        chosen: the file that the user names.
        suite: whether the suite is verified, which has a leaderboard without being asked.

    Raises:
        FembError: as `read_leaderboard`.
    """
    if chosen is None and not suite:
        return None
    from femb_cli.evaluation.leaderboard import read_leaderboard

    path = chosen or usual_leaderboard()
    read_leaderboard(path)
    return path


def usual_leaderboard() -> Path:
    """Return the leaderboard in the folder of the runs."""
    from femb_cli.checkpoints.runs import runs_folder
    from femb_cli.evaluation.leaderboard import NAME

    return runs_folder() / NAME


def add_results(path: Path, results: "Sequence[Verification]", output: Output) -> None:
    """Append results to a leaderboard, and say what they replace.

    Raises:
        FembError: the file cannot be written.
    """
    from femb_cli.evaluation.leaderboard import add_to_leaderboard, entries_of
    from femb_cli.evaluation.report.names import model_names

    entries = entries_of(model_names(results), results)
    replaced = add_to_leaderboard(path, entries, output.say)
    output.say(f"leaderboard: {path}, {len(entries)} {'row' if len(entries) == 1 else 'rows'} added")
    changed = {entry.model for entry in replaced} & {
        new.model
        for new in entries
        for old in replaced
        if new.model == old.model and new.fingerprint != old.fingerprint
    }
    for model in dict.fromkeys(entry.model for entry in replaced):
        names = ", ".join(entry.benchmark for entry in replaced if entry.model == model)
        output.say(
            f"{path}: {model} had rows on {names}"
            f"{', of other weights' if model in changed else ''}; the later ones count"
        )
