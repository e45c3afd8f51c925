"""The page of a report: one HTML file with everything in it, rendered from the template `page.html`.

This module computes the values of the page; the template holds its text and its layout, and escapes the values.
"""

import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Template

from femb_cli import __version__
from femb_cli.evaluation.metrics.roc import unmeasured_rates
from femb_cli.evaluation.report.compared import compared
from femb_cli.evaluation.report.contents import AREA_LIMIT, FMR, ReportContents
from femb_cli.evaluation.report.group_tables import GroupTable, group_tables, own_tar
from femb_cli.evaluation.report.hardest import PicturedPair, split_by_kind
from femb_cli.evaluation.report.inline_images import data_uri, inline_svg
from femb_cli.evaluation.report.names import without_home
from femb_cli.evaluation.report.parts import Part, parts_of
from femb_cli.evaluation.report.plots import MOST_BANDS
from femb_cli.evaluation.report.quality_images import PicturedImage
from femb_cli.evaluation.verification.comparison import Comparison
from femb_cli.evaluation.verification.means import Means
from femb_cli.evaluation.verification.mirror_images import flip_warnings
from femb_cli.evaluation.verification.result import Verification


@dataclass(frozen=True, eq=False)
class Row:
    """A result in the table.

    Attributes:
        name: what the page calls its model.
        result: the verification.
        more: what the page shows beyond its metrics.
        unsupported: the false accept rates at which its impostor pairs allow no false accept.
    """

    name: str
    result: Verification
    more: ReportContents
    unsupported: Sequence[str]


@dataclass(frozen=True, eq=False)
class ShownPart:
    """A part of the page: the results that share figures.

    Attributes:
        title: display name of its benchmark; empty if the part has all results.
        anchor: what the names of its anchors begin with; empty if the part has all results.
        rows: its results.
        protocols: the protocols of the accuracy, with the number of folds.
        interval_kinds: level and method of the confidence intervals.
        svg: the figures by name, as SVG elements.
        has_bands: whether the curves have bands.
        discarded: the results with a discard curve.
        normalised: names of the models whose embeddings are normalised.
        pictured: a title and the images of lowest or of highest quality.
        group_tables: the tables of the groups.
        findings: what differs between groups, one sentence each.
        hardest: a title and the hardest pairs.
    """

    title: str
    anchor: str
    rows: Sequence[Row]
    protocols: Sequence[tuple[str, int]]
    interval_kinds: Sequence[tuple[float, str]]
    svg: Mapping[str, str]
    has_bands: bool
    discarded: Sequence[Row]
    normalised: Sequence[str]
    pictured: Sequence[tuple[str, Sequence[PicturedImage]]]
    group_tables: Sequence[GroupTable]
    findings: Sequence[str]
    hardest: Sequence[tuple[str, Sequence[PicturedPair]]]


class Overview(NamedTuple):
    """The table of models and benchmarks, if each benchmark has a part of its own.

    Attributes:
        titles: display names of the benchmarks.
        rows: name of each model, and its result on each benchmark; None where it has none.
    """

    titles: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Row | None]]]


_FALSE_ACCEPT_RATES = ("1e-2", "1e-3", "1e-4")
_DISCARD_SHARES = (0.0, 0.05, 0.1, 0.2)
_MISSING = "–"


def render_page(
    names: Sequence[str],
    results: Sequence[Verification],
    contents: Sequence[ReportContents],
    comparisons: Sequence[Comparison],
    means: Means | None = None,
    *,
    written: datetime,
    command: str | None,
    folder: Path,
    methods: str,
) -> str:
    """Return the HTML of the page.

    Args:
        names: what the page calls the model of each result.
        results: the verifications, at least one.
        contents: what the page shows of each beyond its metrics.
        comparisons: the comparisons of models.
        means: the means of each model over the benchmarks; None shows none.
        written: time of the report, UTC.
        command: command line that made the results, if it is known.
        folder: where the figures of each part are: `roc.svg`, `det.svg`, `scores.svg` and, if there are such, `edc.svg`
            and `magnitudes.svg`, each with the part's suffix.
        methods: the paragraph on how the numbers were measured.
    """
    rows = [Row(*each, _unsupported_rates(each[1])) for each in zip(names, results, contents, strict=True)]
    rate = (results[0].operating_rates or (FMR,))[0]
    names_of = {row.result.model: row.name for row in rows}
    return page_template("page.html").render(
        written=written,
        version=__version__,
        rows=rows,
        parts=[_shown_part(part, [rows[place] for place in part.places], folder) for part in parts_of(results)],
        overview=_overview(rows),
        overview_rate=rate,
        overview_note=_overview_note(rows, means),
        any_unsupported=any(rate in row.unsupported for row in rows),
        means={} if means is None else {names_of[model]: of_model for model, of_model in means.by_model.items()},
        rates=results[0].operating_rates or _usual_rates(rows),
        are_chosen=bool(results[0].operating_rates),
        are_cosines=all(row.result.embedded is not None for row in rows),
        warnings=_warnings(rows),
        compared=[compared(comparison, names) for comparison in comparisons],
        fmr=FMR,
        own_tar=own_tar,
        area_limit=AREA_LIMIT,
        discard_shares=_DISCARD_SHARES,
        cards={row.name: _shown(row.more.card) for row in rows if row.more.card},
        command=None if command is None else without_home(command),
        methods=methods,
        versions=versions(),
    )


def _shown_part(part: Part, rows: Sequence[Row], folder: Path) -> ShownPart:
    """Return what the page shows of one part."""
    more = [row.more for row in rows]
    tables = group_tables([row.name for row in rows], [row.result for row in rows], more)
    return ShownPart(
        title=part.title,
        anchor=f"part{part.places[0] + 1}-" if part.title else "",
        rows=rows,
        protocols=sorted({(row.result.metrics.protocol, row.result.metrics.num_folds) for row in rows}),
        interval_kinds=_interval_kinds(more),
        svg=_svg_elements(rows, folder, part.suffix),
        has_bands=len(rows) <= MOST_BANDS and any(row.more.confidence.band is not None for row in rows),
        discarded=[row for row in rows if row.more.discard is not None],
        normalised=list(dict.fromkeys(row.name for row in rows if row.more.normalised)),
        pictured=_pictured(rows),
        group_tables=tables,
        findings=[f"{table.title}, {table.grouping}: {sentence}" for table in tables for sentence in table.findings],
        hardest=_hardest(rows),
    )


def _overview(rows: Sequence[Row]) -> Overview:
    """The results by model and benchmark."""
    titles = list(dict.fromkeys(row.result.title for row in rows))
    by_place = {(row.result.model, row.result.title): row for row in rows}
    models = {row.result.model: row.name for row in rows}
    return Overview(
        titles,
        [(name, [by_place.get((model, title)) for title in titles]) for model, name in models.items()],
    )


def _overview_note(rows: Sequence[Row], means: Means | None) -> str:
    """What the means are over, and how the accuracies were measured."""
    titles = {row.result.benchmark: row.result.title for row in rows}
    by_protocol: dict[str, dict[str, None]] = {}
    for row in rows:
        by_protocol.setdefault(row.result.metrics.protocol, {})[row.result.title] = None
    sentences = [
        f"Accuracy{'' if len(by_protocol) == 1 else ' on ' + ', '.join(of)} by the protocol {protocol}."
        for protocol, of in by_protocol.items()
    ]
    if means is not None and means.by_model:
        sentences.insert(0, f"Means over {', '.join(titles[name] for name in means.benchmarks)}.")
    return " ".join(sentences)


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
        "without_home": without_home,
    }
    return environment.get_template(name)


def _usual_rates(rows: Sequence[Row]) -> Sequence[str]:
    """The first two rates, and the last one if a result has enough impostor pairs for it."""
    return _FALSE_ACCEPT_RATES if any(not row.unsupported for row in rows) else _FALSE_ACCEPT_RATES[:2]


def _unsupported_rates(result: Verification) -> list[str]:
    """The false accept rates at which the impostor pairs of a result allow no false accept."""
    return unmeasured_rates(result.operating_rates or _FALSE_ACCEPT_RATES, result.metrics.num_impostor)


def _interval_kinds(contents: Iterable[ReportContents]) -> list[tuple[float, str]]:
    """Level and method of the confidence intervals, each combination once."""
    return sorted(
        {
            (interval.level, more.confidence.method)
            for more in contents
            for interval in more.confidence.intervals.values()
        }
    )


def _warnings(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """The warnings of all results as title and text, without repetition."""
    warnings = [("Too few impostor pairs.", text) for row in rows if (text := _too_few_impostors(row.result))]
    warnings += [("Note.", without_home(text)) for row in rows for text in row.more.warnings]
    warnings += [("Note.", without_home(text)) for text in flip_warnings([row.result for row in rows])]
    return list(dict.fromkeys(warnings))


def _too_few_impostors(result: Verification) -> str | None:
    """A text about the rates in the table that cannot be measured; None if all can."""
    num_impostor = result.metrics.num_impostor
    shown = result.operating_rates or _FALSE_ACCEPT_RATES[:2]
    rates = [rate for rate in _unsupported_rates(result) if rate in shown]
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


def _svg_elements(rows: Sequence[Row], folder: Path, suffix: str) -> dict[str, str]:
    """The figures by name, as SVG elements with a description; the names of their files end in the suffix."""
    captions = {
        "roc": ("ROC curves, true accept rate over false accept rate", rows),
        "det": ("DET curves, false non-match rate over false match rate", rows),
        "scores": ("Histograms of genuine and impostor scores", rows),
        "edc": (
            "Error versus discard curves, FNMR over share of pairs discarded",
            [row for row in rows if row.more.discard is not None],
        ),
        "magnitudes": (
            "Histograms of the magnitudes of the embeddings",
            [row for row in rows if row.more.magnitudes_I is not None],
        ),
    }
    return {
        name: inline_svg(
            folder / f"{name}{suffix}.svg", f"{text}: {'; '.join(f'{row.name} on {row.result.title}' for row in of)}"
        )
        for name, (text, of) in captions.items()
        if of
    }


def _hardest(rows: Iterable[Row]) -> list[tuple[str, list[PicturedPair]]]:
    """The hardest pairs of each result and kind, with a title."""
    return [
        (f"{row.name} on {row.result.title}: {kind}", pairs)
        for row in rows
        for kind, pairs in split_by_kind(row.more.hardest)
    ]


def _pictured(rows: Iterable[Row]) -> list[tuple[str, Sequence[PicturedImage]]]:
    """The images of lowest and of highest quality of each result, with a title."""
    return [
        (f"{row.name} on {row.result.title}: images of {kind} quality ({row.more.quality})", images)
        for row in rows
        for kind, images in (("lowest", row.more.lowest), ("highest", row.more.highest))
        if images
    ]


def _shown(card: Mapping[str, str]) -> dict[str, str]:
    """The settings of a model's checkpoint, without home directories."""
    return {name: without_home(value) for name, value in card.items()}


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
