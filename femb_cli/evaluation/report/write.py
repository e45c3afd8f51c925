"""Write the report of verifications: a page of its own, figures and tables for a paper, and the numbers."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from femb_cli import __version__
from femb_cli.evaluation.metrics.roc import roc_curve
from femb_cli.evaluation.report.contents import AREA_LIMIT, FMR, ReportContents
from femb_cli.evaluation.report.methods import methods_text
from femb_cli.evaluation.report.names import model_names
from femb_cli.evaluation.report.page import render_page, versions
from femb_cli.evaluation.report.parts import Part, parts_of
from femb_cli.evaluation.report.plots import COSINE, ScoredSet, save_plots
from femb_cli.evaluation.report.quality_plots import draw_discard, draw_magnitudes
from femb_cli.evaluation.report.sheets import draw_pair_sheet, draw_quality_sheet
from femb_cli.evaluation.report.style import plot_style, save_figure
from femb_cli.evaluation.report.tables import groups_csv, metrics_csv, metrics_latex
from femb_cli.evaluation.verification.comparison import Comparison
from femb_cli.evaluation.verification.means import Means
from femb_cli.evaluation.verification.result import Verification
from femb_cli.files import new_folder

T = TypeVar("T")

_LONGEST_LABEL = 46


def write_report(
    report: Path,
    results: Sequence[Verification],
    contents: Sequence[ReportContents] = (),
    comparisons: Sequence[Comparison] = (),
    means: Means | None = None,
    *,
    command: str | None = None,
    overwrite: bool = False,
) -> None:
    """Write `report.html`, `results.json`, the figures and the tables to a directory.

    The figures, each as PNG, SVG and PDF, are `roc`, `det` and `scores`; `edc` and `magnitudes` if there are qualities;
    and `hardest_1` and `quality_1` with the images of the first result, and so on. Where there are too many results for
    one plot, each benchmark has figures of its own, such as `roc_lfw`. The tables are `table.csv`, `table.tex` and,
    with groups, `groups.csv`. `methods.txt` states how the numbers were measured.

    Args:
        report: the directory to create; it is written elsewhere and renamed when it is complete.
        results: the verifications, at least one, in the order of the table.
        contents: what to show of each result beyond its metrics; empty by default.
        comparisons: the comparisons of models, of `compare_models`.
        means: the means of each model over the benchmarks; None shows none.
        command: the command line that made the results, to show on the page.
        overwrite: replace a directory that exists.

    Raises:
        FembError: the directory exists and `overwrite` is false, or it cannot be made.
    """
    written = datetime.now(UTC)
    names = model_names(results)
    shown = contents or [ReportContents()] * len(results)
    with new_folder(report, overwrite=overwrite) as folder:
        with plot_style():
            for part in parts_of(results):
                _save_figures(folder, part.suffix, _at(part, names), _at(part, results), _at(part, shown))
            _save_pictures(folder, shown)
        document = {
            "femb_version": __version__,
            "date": written.isoformat(timespec="seconds"),
            "command": command,
            "results": _documents(results, contents),
            "comparisons": [comparison.to_json(results) for comparison in comparisons],
            **({} if means is None else {"means": means.to_json()}),
        }
        texts = {
            "results.json": json.dumps(document, indent=2, allow_nan=False) + "\n",
            "table.csv": metrics_csv(names, results, shown),
            "table.tex": metrics_latex(names, results, shown, means),
            "groups.csv": groups_csv(names, results, shown),
            "methods.txt": methods_text(names, results, shown, comparisons, versions(), means),
        }
        texts["report.html"] = render_page(
            names,
            results,
            shown,
            comparisons,
            means,
            written=written,
            command=command,
            folder=folder,
            methods=str(texts["methods.txt"]),
        )
        for file, text in texts.items():
            if text is not None:
                (folder / file).write_text(text, encoding="utf-8")


def _documents(results: Sequence[Verification], contents: Sequence[ReportContents]) -> list[dict[str, Any]]:
    """Return the metrics of each result, and what is known of it beyond them."""
    more = [known.to_json() for known in contents] or [{}] * len(results)
    return [{**result.to_json(), **known} for result, known in zip(results, more, strict=True)]


def _at(part: Part, of_results: Sequence[T]) -> list[T]:
    """What a part has of something that each result has."""
    return [of_results[place] for place in part.places]


def _save_figures(
    folder: Path,
    suffix: str,
    names: Sequence[str],
    results: Sequence[Verification],
    contents: Sequence[ReportContents],
) -> None:
    """Write the figures of one part; the suffix ends the names of their files."""
    labels = _labels(names, results)
    save_plots(
        folder,
        [
            ScoredSet(
                label,
                roc_curve(result.scores_N, result.genuine_N),
                _plotted_threshold(result),
                more.confidence.band,
                _score_axis(result),
            )
            for label, result, more in zip(labels, results, contents, strict=True)
        ],
        suffix=suffix,
    )
    known = list(zip(labels, contents, strict=True))
    if curves := [(label, more.discard) for label, more in known if more.discard is not None]:
        save_figure(folder, f"edc{suffix}", draw_discard(curves, fmr=FMR, area_limit=AREA_LIMIT))
    if magnitudes := [(label, more.magnitudes_I) for label, more in known if more.magnitudes_I is not None]:
        save_figure(folder, f"magnitudes{suffix}", draw_magnitudes(magnitudes))


def _score_axis(result: Verification) -> str:
    """What a histogram shows: distances with the opposite sign, so that all curves have the same side."""
    if result.embedded is not None:
        return COSINE
    return "Negative distance" if result.are_distances else "Score"


def _save_pictures(folder: Path, contents: Sequence[ReportContents]) -> None:
    """Write the sheets of images of each result, which its place among all results numbers."""
    for number, more in enumerate(contents, 1):
        if more.hardest:
            save_figure(folder, f"hardest_{number}", draw_pair_sheet(more.hardest))
        if more.lowest:
            save_figure(folder, f"quality_{number}", draw_quality_sheet(more.lowest, more.highest))


def _plotted_threshold(result: Verification) -> float | None:
    """The threshold on the plotted scores; MagFace's protocol has none: it scores mean-centred embeddings."""
    if result.metrics.protocol == "magface":
        return None
    return -result.metrics.threshold if result.are_distances else result.metrics.threshold


def _labels(names: Sequence[str], results: Sequence[Verification]) -> list[str]:
    """The name of each result in the legends: the model, the benchmark, or both, as far as they differ."""
    titles = [result.title for result in results]
    if len(set(titles)) == 1:
        labels = list(names)
    elif len(set(names)) == 1:
        labels = titles
    else:
        labels = [f"{name} · {title}" for name, title in zip(names, titles, strict=True)]
    return [_cut(label) for label in labels]


def _cut(label: str) -> str:
    """Cut a long name at its start, because a path is best known by its end."""
    return label if len(label) <= _LONGEST_LABEL else "…" + label[1 - _LONGEST_LABEL :]
