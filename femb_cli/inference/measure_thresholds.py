"""Measure a model's thresholds on scored pairs, and store them in its checkpoint."""

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from femb_cli.checkpoints.restate import restate
from femb_cli.checkpoints.store import Checkpoint, open_checkpoint
from femb_cli.checkpoints.threshold import Threshold
from femb_cli.errors import FembError
from femb_cli.evaluation.metrics.intervals import Interval
from femb_cli.evaluation.metrics.roc import RocCurve, roc_curve, tar_at_far, unsupported_rates
from femb_cli.evaluation.metrics.score_tail import ScoreTail
from femb_cli.evaluation.verification.confidence import confidence_intervals
from femb_cli.evaluation.verification.result import Verification
from femb_cli.inference.describe import alignment_of
from femb_cli.inference.embedder import is_onnx
from femb_cli.text import rate_text

FEWEST_FALSE_MATCHES = 3
"""Impostor pairs above a threshold, at the least. With fewer, an FMR cannot be told from one that is several times as
high: n pairs without any false match show only that the FMR is below 3 / n (rule of 3, see `unsupported_rates`)."""


def open_to_store(model: Path, rates: Sequence[float], *, overwrite: bool) -> Checkpoint:
    """Open the checkpoint that thresholds are to be stored in, before anything is computed.

    Args:
        model: a run (its newest checkpoint), a checkpoint or a safetensors file.
        rates: the FMRs of the thresholds.
        overwrite: whether thresholds that are there already may be replaced.

    Raises:
        FembError: the model is an ONNX file, or it has a threshold at one of the FMRs.
    """
    if is_onnx(model):
        raise FembError(
            f"thresholds cannot be stored in {model}: it is an ONNX file",
            hint="store them in the checkpoint and export it again: the file then has them, too",
        )
    checkpoint = open_checkpoint(model)
    there = [threshold for threshold in checkpoint.card.thresholds if threshold.fmr in rates]
    if there and not overwrite:
        raise FembError(
            f"{model} has a threshold already: cosine {there[0].cosine:.4f} at {there[0].at}",
            hint="--overwrite replaces it",
        )
    return checkpoint


def measure_thresholds(result: Verification, rates: Sequence[float]) -> list[Threshold]:
    """Return the thresholds of a verification at some FMRs, with 95 % intervals of the FNMR.

    Raises:
        FembError: there are too few impostor pairs for an FMR.
    """
    curve = roc_curve(result.scores_N, result.genuine_N)
    check_impostor_pairs(len(curve.impostor_I), rates, result.benchmark)
    confidence = confidence_intervals(result, [rate_text(rate) for rate in rates])
    return [_measure(result, curve, rate, confidence.intervals, confidence.method) for rate in rates]


def few_pairs_warning(thresholds: Sequence[Threshold]) -> list[str]:
    """Return a sentence for each threshold whose FMR is known only to an order of magnitude."""
    return [
        f"the threshold at {threshold.at} rests on {threshold.false_matches} false matches of"
        f" {threshold.impostor_scores.num_scores:,} impostor pairs: the true FMR may be three times as high;"
        f" {unsupported.needed_impostor_pairs:,} impostor pairs make it reliable"
        for threshold in thresholds
        for unsupported in unsupported_rates(threshold.impostor_scores.num_scores, [threshold.fmr])
    ]


def store_thresholds(model: Path, measured: Checkpoint, thresholds: Sequence[Threshold]) -> Path:
    """Write thresholds into a model's card; its weights, fingerprint and digest stay as they are.

    Args:
        model: what the user named; of a run, its newest checkpoint.
        measured: the checkpoint as it was opened before the verification.
        thresholds: its thresholds.

    Returns:
        The checkpoint or the file that has them now.

    Raises:
        FembError: the model is another one since, as that of a run that is trained further; it is damaged, or it cannot
            be written.
    """
    checkpoint = open_checkpoint(model)
    if (checkpoint.path, checkpoint.card) != (measured.path, measured.card):
        raise FembError(
            f"{model} has changed while it was verified: the thresholds are those of {measured.path} as it was",
            hint="verify it again; of a run that is still trained, name one checkpoint",
        )
    restate(checkpoint, checkpoint.card.with_thresholds(*thresholds))
    return checkpoint.path


def check_impostor_pairs(num_impostor: int, rates: Sequence[float], benchmark: str) -> None:
    """Refuse FMRs whose thresholds a list cannot support.

    Args:
        num_impostor: number of its impostor pairs.
        rates: the FMRs.
        benchmark: name of the list.

    Raises:
        FembError: there are too few impostor pairs for an FMR.
    """
    for fmr in rates:
        needed = math.ceil(FEWEST_FALSE_MATCHES / Decimal(str(fmr)))
        if num_impostor >= needed:
            continue
        lowest = rate_text(FEWEST_FALSE_MATCHES / max(num_impostor, FEWEST_FALSE_MATCHES))
        raise FembError(
            f"{benchmark} has {num_impostor:,} impostor pairs, too few for a threshold at FMR {rate_text(fmr)}:"
            f" {needed:,} are needed",
            hint=f"choose an FMR of {lowest} or more, or pairs of more people",
        )


def _measure(
    result: Verification, curve: RocCurve, fmr: float, intervals: Mapping[str, Interval], method: str
) -> Threshold:
    point, interval = tar_at_far(curve, fmr), intervals[f"fnmr_at_fmr_{rate_text(fmr)}"]
    return Threshold(
        fmr=fmr,
        cosine=point.threshold,
        false_matches=point.false_accepts,
        fnmr=1.0 - point.tar,
        fnmr_low=interval.low,
        fnmr_high=interval.high,
        intervals=method,
        measured_on=result.benchmark,
        flip=result.flip,
        alignment=alignment_of(result.images),
        impostor_scores=ScoreTail.of(curve.impostor_I, "highest"),
        genuine_scores=ScoreTail.of(curve.genuine_G, "lowest"),
    )
