"""The gates of `femb verify`: limits that end the command with exit code 1 if a metric misses them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import typer

from femb_cli.cli.output import Output
from femb_cli.errors import UsageError

if TYPE_CHECKING:
    from femb_cli.evaluation.templates.verify import TemplateVerification
    from femb_cli.evaluation.verification.result import Verification

_DEFAULT_FMR = "1e-3"


class FnmrLimit(NamedTuple):
    """The highest allowed FNMR at an FMR, both in [0, 1]."""

    fnmr: float
    fmr: float

    @classmethod
    def parse(cls, text: str) -> "FnmrLimit":
        """Read `0.05@1e-3`, or `0.05` for an FMR of 1e-3.

        Raises:
            UsageError: if the text is anything else.
        """
        fnmr, _, fmr = text.partition("@")
        try:
            limit = cls(float(fnmr), float(fmr if "@" in text else _DEFAULT_FMR))
        except ValueError:
            limit = cls(float("nan"), float("nan"))
        if not all(0.0 <= rate <= 1.0 for rate in limit):
            raise UsageError(
                f"--max-fnmr {text!r} is not a valid limit",
                hint="use two rates from 0 to 1 such as 0.05@1e-3, or the first one alone",
            )
        return limit


def check_accuracy(min_accuracy: float | None) -> None:
    """Refuse a limit that is no accuracy.

    Raises:
        UsageError: it is not in [0, 1].
    """
    if min_accuracy is not None and not 0.0 <= min_accuracy <= 1.0:
        share = f"{min_accuracy / 100:g}" if 1.0 < min_accuracy <= 100.0 else "0.995"
        raise UsageError(
            f"--min-accuracy {min_accuracy:g} is no accuracy: it lies between 0 and 1", hint=f"say {share}"
        )


def missed_accuracy(results: "Sequence[Verification]", min_accuracy: float | None) -> list[str]:
    """Return one sentence for each result below the accuracy; an empty list without a limit."""
    return [
        f"{result.model} on {result.benchmark}: accuracy {result.metrics.accuracy:.4f} ({result.metrics.protocol}) "
        f"is below {min_accuracy}"
        for result in results
        if min_accuracy is not None and result.metrics.accuracy < min_accuracy
    ]


def missed_fnmr(
    results: "Sequence[Verification | TemplateVerification]", limit: FnmrLimit | None, output: Output
) -> list[str]:
    """Return one sentence for each result above the FNMR; say the others, and warn of FMRs that pairs cannot show.

    Args:
        results: the verifications.
        limit: the limit; None for none.
        output: where to say and warn.
    """
    if limit is None:
        return []
    from femb_cli.evaluation.metrics.roc import fnmr_at_fmr, roc_curve, unmeasured_rates

    missed = []
    for result in results:
        curve = roc_curve(result.scores_N, result.genuine_N)
        fnmr = fnmr_at_fmr(curve, limit.fmr)
        if unmeasured_rates([str(limit.fmr)], len(curve.impostor_I)):
            output.warn(
                f"--max-fnmr: the {len(curve.impostor_I):,} impostor pairs of {result.benchmark} cannot show an FMR of"
                f" {limit.fmr:g}; its FNMR was judged at the threshold that none of them reaches"
            )
        judged = f"{result.model} on {result.benchmark}: FNMR {fnmr:.4f} at FMR {limit.fmr:g} is"
        if fnmr > limit.fnmr:
            missed.append(f"{judged} above {limit.fnmr:g}")
        else:
            output.say(f"{judged} within {limit.fnmr:g}")
    return missed


def end_if_missed(missed: Sequence[str], output: Output) -> None:
    """Show the missed gates and end with exit code 1, if there are any."""
    for sentence in missed:
        output.error(sentence)
    if missed:
        raise typer.Exit(1)
