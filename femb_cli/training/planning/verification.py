"""What a run is verified on, how often, and whether people of the benchmarks are trained on (no torch)."""

from collections.abc import Iterable
from pathlib import Path

from femb_cli.config.changes import parse_setting
from femb_cli.config.schema import DatasetConfig, SyntheticConfig, TrainConfig
from femb_cli.data.source import ImageSource
from femb_cli.errors import UsageError
from femb_cli.evaluation.verification.benchmark_files import is_here
from femb_cli.evaluation.verification.benchmarks import BENCHMARKS, DEFAULT_BENCHMARK, DRAWN, SUITE
from femb_cli.evaluation.verification.open import PairSet
from femb_cli.evaluation.verification.overlap import (
    find_overlap,
    has_named_people,
    is_name,
    name_digests,
    overlap_warning,
)
from femb_cli.progress import Say
from femb_cli.text import counted
from femb_cli.training.planning.job import TrainRequest

EVERY = "validation.every"


def benchmarks_of(config: TrainConfig) -> tuple[str, ...]:
    """Return the names of the benchmarks that a run is verified on."""
    if config.validation.benchmarks is not None:
        return config.validation.benchmarks
    return (DRAWN,) if isinstance(config.data, SyntheticConfig) else ()


def describe_verification(config: TrainConfig, num_held_out: int, steps: int) -> str:
    """Say what a run is verified on, and when.

    Args:
        config: its configuration.
        num_held_out: people who are held out.
        steps: steps of the run.
    """
    names = list(benchmarks_of(config))
    if num_held_out:
        names.append(f"{counted(num_held_out, 'person', 'people')} held out")
    if not names:
        return "none"
    every = config.validation.every
    between = f"{_every(every)} and " if 0 < every < steps else ""
    return f"on {', '.join(names)}: {between}at the end"


def _every(steps: int) -> str:
    return "every step" if steps == 1 else f"every {steps:,} steps"


def check_verification(request: TrainRequest, config: TrainConfig, num_held_out: int, say: Say) -> None:
    """Warn of a run that is never verified.

    Args:
        request: the arguments of `femb train`.
        config: the run's configuration.
        num_held_out: people who are held out.
        say: prints a line for the user.

    Raises:
        UsageError: the user asks for verifications in between, and there is nothing to verify on.
    """
    if num_held_out or benchmarks_of(config):
        return
    nothing = "no benchmarks are named (validation.benchmarks) and no people are held out"
    benchmark = _benchmark_to_name(config, request.data_dir)
    remedy = f"--set validation.benchmarks=[{benchmark}]"
    if config.validation.every and _asks_for_verifications(request):
        raise UsageError(
            f"a verification {_every(config.validation.every)} has nothing to verify on: {nothing}",
            hint=remedy,
        )
    say(f"warning: nothing is verified: {nothing}; {remedy} verifies on {benchmark}")


def _asks_for_verifications(request: TrainRequest) -> bool:
    """Whether the command line, and not only the configuration, says how often to verify."""
    return EVERY in request.overrides or any(parse_setting(setting)[0] == EVERY for setting in request.settings)


def _benchmark_to_name(config: TrainConfig, data_dir: Path | None) -> str:
    """Return a benchmark that fits a run: one that is here, else one that femb downloads."""
    if isinstance(config.data, SyntheticConfig):
        return DRAWN
    names = (*SUITE, *BENCHMARKS)
    return next((name for name in names if is_here(BENCHMARKS[name], data_dir)), DEFAULT_BENCHMARK)


def compare_people(config: DatasetConfig, training: ImageSource, benchmarks: Iterable[PairSet], say: Say) -> None:
    """Warn if people of a benchmark are trained on, by their names, and say if there are no names to compare.

    Args:
        config: of the training set.
        training: the images that are trained on.
        benchmarks: what the run is verified on.
        say: prints a line for the user.
    """
    assert training.identities is not None, "a training set has identities"
    names = training.identities.names
    trained_U = name_digests(names)
    with_names = []
    for benchmark in benchmarks:
        overlap = find_overlap(trained_U, benchmark.pairs)
        if overlap.people:
            say(f"warning: {overlap_warning(overlap, benchmark.name, 'are in the training set')}")
        if has_named_people(benchmark.pairs):
            with_names.append(benchmark.name)
    num_without = sum(not is_name(name) for name in names) if with_names else 0
    if num_without:
        who = "the" if num_without == len(names) else f"{num_without:,} of the {len(names):,}"
        say(
            f"{who} people of {config.path} have numbers for names, so nobody checked whether people of"
            f" {', '.join(with_names)} are among them"
        )
