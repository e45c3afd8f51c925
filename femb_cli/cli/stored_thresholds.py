"""`femb verify --store-threshold`: what it refuses, and what it says."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from femb_cli.cli.output import Output, percent
from femb_cli.errors import UsageError
from femb_cli.text import rate_text

if TYPE_CHECKING:
    from femb_cli.checkpoints.store import Checkpoint
    from femb_cli.checkpoints.threshold import Threshold
    from femb_cli.evaluation.verification.pairs import PairList
    from femb_cli.evaluation.verification.result import Verification
    from femb_cli.inference.verify_job import VerifyJob


def check_rates(
    rates: Sequence[float] | None, *, models: Sequence[Path] | None, datasets: Sequence[str] | None
) -> None:
    """Refuse FMRs that are none, and a threshold of several models or several benchmarks.

    Raises:
        UsageError: one of these is given.
    """
    for rate in rates or ():
        if not 0.0 < rate < 1.0:
            raise UsageError(f"--store-threshold {rate:g} is no FMR", hint="an FMR lies between 0 and 1, such as 1e-3")
    if rates and (len(models or ()) > 1 or len(datasets or ()) > 1):
        raise UsageError(
            "--store-threshold takes one model and one benchmark",
            hint="a threshold is stored with the model that it was measured with; call femb verify once for each",
        )


def check_model(job: "VerifyJob", rates: Sequence[float], *, overwrite: bool) -> "tuple[Path, Checkpoint]":
    """Open the model that is to get these thresholds, before its images are embedded.

    Returns:
        Its path and its checkpoint.

    Raises:
        FembError: as `open_to_store`.
    """
    from femb_cli.checkpoints.runs import newest_finished_run
    from femb_cli.inference.measure_thresholds import open_to_store

    model = job.models[0] if job.models else newest_finished_run(job.runs)
    return model, open_to_store(model, rates, overwrite=overwrite)


def check_impostors(pairs: "PairList", rates: Sequence[float] | None) -> None:
    """Refuse pairs that cannot support the thresholds, before anything is embedded.

    Raises:
        FembError: there are too few impostor pairs for an FMR.
    """
    if rates and pairs.is_labelled:
        from femb_cli.inference.measure_thresholds import check_impostor_pairs

        check_impostor_pairs(int((~pairs.genuine_N).sum()), rates, pairs.name)


def store(result: "Verification", model: Path, measured: "Checkpoint", rates: Sequence[float], output: Output) -> None:
    """Measure the thresholds of a verification, store them in its model's card, and say so on stderr.

    Raises:
        FembError: there are too few impostor pairs for an FMR, the model has changed, or it cannot be written.
    """
    from femb_cli.inference.measure_thresholds import few_pairs_warning, measure_thresholds, store_thresholds

    thresholds = measure_thresholds(result, rates)
    for warning in few_pairs_warning(thresholds):
        output.warn(warning)
    path = store_thresholds(model, measured, thresholds)
    for threshold in thresholds:
        output.say(f"stored in {path} at FMR {rate_text(threshold.fmr)}: {describe(threshold)}")
    output.next(f"femb compare A.jpg B.jpg --model {shlex.quote(str(model))}")


def describe(threshold: "Threshold") -> str:
    """Describe a threshold in one line: its cosine, and everything that it depends on but the FMR."""
    return (
        f"cosine {threshold.cosine:.4f}, measured on {threshold.measured_on}"
        f" ({threshold.impostor_scores.num_scores:,} impostor pairs, {threshold.genuine_scores.num_scores:,} genuine),"
        f" FNMR {percent(threshold.fnmr)} [{100 * threshold.fnmr_low:.2f}, {100 * threshold.fnmr_high:.2f}],"
        f" flip {threshold.flip}, faces {threshold.alignment}"
    )
