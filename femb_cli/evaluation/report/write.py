"""Write the report of verifications: a page that needs no other file, its plots, and the numbers for programs."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from femb_cli import __version__
from femb_cli.evaluation.metrics.roc import roc_curve
from femb_cli.evaluation.report.contents import ReportContents
from femb_cli.evaluation.report.page import render_page
from femb_cli.evaluation.report.plots import ScoredSet, save_discard_plot, save_pair_sheet, save_plots
from femb_cli.evaluation.verification.result import Verification
from femb_cli.files import new_folder

_LONGEST_LABEL = 56


def write_report(
    report: Path,
    results: Sequence[Verification],
    contents: Sequence[ReportContents] = (),
    *,
    command: str | None = None,
    overwrite: bool = False,
) -> None:
    """Write `report.html`, `results.json` and the plots (each as PNG and SVG) to a directory.

    The plots are `roc`, `det` and `scores`; `edc` if there are discard curves; and `hardest_1` with the hardest pairs
    of the first result, and so on.

    Args:
        report: the directory to create; it is written elsewhere and renamed when it is complete.
        results: the verifications, at least one, in the order of the table.
        contents: what to show of each result beyond its metrics; empty by default.
        command: the command line that made the results, to show on the page.
        overwrite: replace a directory that exists.

    Raises:
        FembError: the directory exists and `overwrite` is false, or it cannot be made.
    """
    written = datetime.now(UTC)
    shown = contents or [ReportContents()] * len(results)
    with new_folder(report, overwrite=overwrite) as folder:
        _save_plots(folder, results, shown)
        document = {
            "femb_version": __version__,
            "date": written.isoformat(timespec="seconds"),
            "command": command,
            "results": [result.to_json() for result in results],
            "extras": [more.to_json() for more in contents],
        }
        (folder / "results.json").write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        html = render_page(results, shown, written=written, command=command, folder=folder)
        (folder / "report.html").write_text(html, encoding="utf-8")


def _save_plots(folder: Path, results: Sequence[Verification], contents: Sequence[ReportContents]) -> None:
    labels = [_label(result) for result in results]
    save_plots(
        folder,
        [
            ScoredSet(label, roc_curve(result.scores_N, result.genuine_N), _cosine_threshold(result))
            for label, result in zip(labels, results, strict=True)
        ],
    )
    curves = [(label, more.discard) for label, more in zip(labels, contents, strict=True) if more.discard is not None]
    if curves:
        save_discard_plot(folder, curves)
    for number, more in enumerate(contents, 1):
        if more.hardest:
            save_pair_sheet(folder, f"hardest_{number}", more.hardest)


def _cosine_threshold(result: Verification) -> float | None:
    """The threshold on the plotted cosines; MagFace's protocol has none: it scores mean-centred embeddings."""
    return None if result.metrics.protocol == "magface" else result.metrics.threshold


def _label(result: Verification) -> str:
    """The name of a result in the legends; a long name is cut at its start, because a path is best known by its end."""
    label = f"{result.model} · {result.benchmark}"
    return label if len(label) <= _LONGEST_LABEL else "…" + label[1 - _LONGEST_LABEL :]
