"""A report of verification results: a page that needs nothing beside it, its figures, and the numbers for programs."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from femb_cli import __version__
from femb_cli.evaluation.metrics.roc import roc_curve
from femb_cli.evaluation.report.contents import ReportContents, Result
from femb_cli.evaluation.report.page import page
from femb_cli.evaluation.report.plots import ScoredSet, save_discard_plot, save_pair_sheet, save_plots
from femb_cli.files import new_folder

_LONGEST_LABEL = 56


def write_report(
    report: Path,
    results: Sequence[Result],
    extras: Sequence[ReportContents] = (),
    *,
    command: str | None = None,
    overwrite: bool = False,
) -> None:
    """Write `report.html`, `results.json` and the figures (each .png and .svg) to a folder.

    The figures are `roc`, `det` and `scores`; `edc` with discard curves; and `hardest_1` and so on with pictures of the
    first result and so on.

    Args:
        report: the folder; it appears when everything is in it.
        results: what to report, at least one, in the order of the table.
        extras: what more is known, one for each result, or none at all.
        command: the command line that made the results, to be shown.
        overwrite: replace a folder that exists.

    Raises:
        FembError: the folder exists and `overwrite` is false, or cannot be made.
    """
    written = datetime.now(UTC)
    known = extras or [ReportContents()] * len(results)
    with new_folder(report, overwrite=overwrite) as folder:
        _save_figures(folder, results, known)
        document = {
            "femb_version": __version__,
            "date": written.isoformat(timespec="seconds"),
            "command": command,
            "results": [result.to_json() for result in results],
            "extras": [extra.to_json() for extra in extras],
        }
        (folder / "results.json").write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        html = page(results, known, written=written, command=command, folder=folder)
        (folder / "report.html").write_text(html, encoding="utf-8")


def _save_figures(folder: Path, results: Sequence[Result], extras: Sequence[ReportContents]) -> None:
    labels = [_label(result) for result in results]
    save_plots(
        folder,
        [
            ScoredSet(label, roc_curve(result.scores_N, result.genuine_N), _cosine_threshold(result))
            for label, result in zip(labels, results, strict=True)
        ],
    )
    curves = [(label, extra.discard) for label, extra in zip(labels, extras, strict=True) if extra.discard is not None]
    if curves:
        save_discard_plot(folder, curves)
    for number, extra in enumerate(extras, 1):
        if extra.hardest:
            save_pair_sheet(folder, f"hardest_{number}", extra.hardest)


def _cosine_threshold(result: Result) -> float | None:
    """The threshold on the scores; MagFace's protocol has none, it judges embeddings less their mean."""
    return None if result.metrics.protocol == "magface" else result.metrics.threshold


def _label(result: Result) -> str:
    """What the legends call a result."""
    label = f"{result.model} · {result.benchmark}"
    # A path tells the most at its end.
    return label if len(label) <= _LONGEST_LABEL else "…" + label[1 - _LONGEST_LABEL :]
