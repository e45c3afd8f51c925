"""The page of a report: one HTML file with everything in it, rendered from the template `page.html`.

This module computes the values of the page; the template holds its text and its layout, and escapes the values.
"""

import platform
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Template

from femb_cli import __version__
from femb_cli.evaluation.metrics.roc import allowed_false_accepts
from femb_cli.evaluation.report.contents import ReportContents
from femb_cli.evaluation.report.hardest import PicturedPair, split_by_kind
from femb_cli.evaluation.report.inline_images import data_uri, inline_svg
from femb_cli.evaluation.verification.result import Verification

_FALSE_ACCEPT_RATES = ("1e-2", "1e-3", "1e-4")
_DISCARD_SHARES = (0.0, 0.05, 0.1, 0.2)
_MISSING = "–"


def render_page(
    results: Sequence[Verification],
    contents: Sequence[ReportContents],
    *,
    written: datetime,
    command: str | None,
    folder: Path,
) -> str:
    """Return the HTML of the page.

    Args:
        results: the verifications, at least one.
        contents: what the page shows of each beyond its metrics.
        written: time of the report, UTC.
        command: command line that made the results, if it is known.
        folder: where the plots `roc.svg`, `det.svg`, `scores.svg` and, with a discard curve, `edc.svg` are.
    """
    reported = list(zip(results, contents, strict=True))
    discarded = [(result, more) for result, more in reported if more.discard is not None]
    unsupported = [_unsupported_rates(result) for result in results]
    # The first two rates are always shown; the last one only if a result has enough impostor pairs for it.
    rates = _FALSE_ACCEPT_RATES if [] in unsupported else _FALSE_ACCEPT_RATES[:2]
    return page_template("page.html").render(
        written=written,
        version=__version__,
        reported=reported,
        rates=rates,
        unsupported=unsupported,
        any_unsupported=any(rate in rates for some in unsupported for rate in some),
        interval_kinds=_interval_kinds(contents),
        warnings=_warnings(reported),
        svg=_svg_elements(results, [result for result, _ in discarded], folder),
        discarded=discarded,
        discard_shares=_DISCARD_SHARES,
        has_groups=any(more.groups for more in contents),
        hardest=_hardest(reported),
        cards={result.model: more.card for result, more in reported if more.card},
        command=command,
        versions=versions(),
    )


def page_template(name: str, package: str = "femb_cli.evaluation.report") -> Template:
    """Return the template of a page, which refuses undefined names, with filters that write numbers.

    Args:
        name: its file.
        package: where it is; it may include files of this package.
    """
    packages = dict.fromkeys((package, "femb_cli.evaluation.report"))
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package, "") for package in packages]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "thousands": _format_thousands,
        "data_uri": data_uri,
        "decimals": _format_decimals,
        "percent": _format_percent,
        "ratio": _format_ratio,
    }
    return environment.get_template(name)


def _unsupported_rates(result: Verification) -> list[str]:
    """The false accept rates at which the impostor pairs of a result allow no false accept."""
    num_impostor = result.metrics.num_impostor
    return [rate for rate in _FALSE_ACCEPT_RATES if not allowed_false_accepts(float(rate), num_impostor)]


def _interval_kinds(contents: Iterable[ReportContents]) -> list[tuple[float, str]]:
    """Level and method of the confidence intervals, each combination once."""
    return sorted(
        {
            (interval.level, more.confidence.method)
            for more in contents
            for interval in more.confidence.intervals.values()
        }
    )


def _warnings(reported: Sequence[tuple[Verification, ReportContents]]) -> list[tuple[str, str]]:
    """The warnings of all results as title and text, without repetition."""
    warnings = [("Too few impostor pairs.", text) for result, _ in reported if (text := _too_few_impostors(result))]
    warnings += [("Note.", text) for _, more in reported for text in more.warnings]
    return list(dict.fromkeys(warnings))


def _too_few_impostors(result: Verification) -> str | None:
    """A text about the rates in the table that cannot be measured; None if all can."""
    num_impostor = result.metrics.num_impostor
    rates = [rate for rate in _unsupported_rates(result) if rate in _FALSE_ACCEPT_RATES[:2]]
    if not rates:
        return None
    # Without an error in n trials the 95 % bound is 3 / n: J. Hanley and A. Lippman-Hand, "If nothing goes wrong, is
    # everything all right?", JAMA 249, 1983.
    bound = _format_percent(min(1.0, 3 / num_impostor))
    return (
        f"The {_format_thousands(num_impostor)} impostor pairs of {result.title} cannot show an FMR of "
        f"{' or '.join(rates)}: even without one false match among them, it may be as high as {bound} "
        "(95 % confidence). Read TAR at these rates as TAR without a false accept in this list."
    )


def _svg_elements(results: Sequence[Verification], discarded: Sequence[Verification], folder: Path) -> dict[str, str]:
    """The plots by name, as SVG elements with a description."""
    captions = {
        "roc": "ROC curves, true accept rate over false accept rate",
        "det": "DET curves, false non-match rate over false match rate",
        "scores": "Histograms of genuine and impostor scores",
    }
    elements = {name: inline_svg(folder / f"{name}.svg", _describe(text, results)) for name, text in captions.items()}
    if discarded:
        caption = "Error versus discard curves, FNMR over share of pairs discarded"
        elements["edc"] = inline_svg(folder / "edc.svg", _describe(caption, discarded))
    return elements


def _describe(caption: str, results: Iterable[Verification]) -> str:
    return f"{caption}: {'; '.join(f'{result.model} on {result.title}' for result in results)}"


def _hardest(reported: Iterable[tuple[Verification, ReportContents]]) -> list[tuple[str, list[PicturedPair]]]:
    """The hardest pairs of each result and kind, with a title."""
    return [
        (f"{result.model} on {result.title}: {kind}", pairs)
        for result, more in reported
        for kind, pairs in split_by_kind(more.hardest)
    ]


def versions() -> dict[str, str]:
    """Return the versions of what computed the results; torch only if it did."""
    packages = {"femb": __version__, "Python": platform.python_version(), "NumPy": np.__version__}
    if "torch" in sys.modules:
        packages["PyTorch"] = str(sys.modules["torch"].__version__)
    return {**packages, "System": platform.platform()}


def _format_thousands(number: int) -> str:
    """Write a number with a space between its thousands."""
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _format_decimals(number: float, digits: int) -> str:
    """Write a number with that many decimals."""
    return f"{number:.{digits}f}"


def _format_percent(rate: float | None, digits: int = 2) -> str:
    """Write a rate in [0, 1] as a percentage, or a dash if there is none."""
    return _MISSING if rate is None else f"{100 * rate:.{digits}f} %"


def _format_ratio(number: float | None) -> str:
    """Write a ratio with two decimals, or `undefined` if there is none."""
    return "undefined" if number is None else f"{number:.2f}"
