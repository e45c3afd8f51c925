"""Write the report of training runs: one HTML page that needs no other file."""

from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from femb_cli import __version__
from femb_cli.errors import FembError
from femb_cli.evaluation.leaderboard import Standings
from femb_cli.evaluation.report.inline_images import inline_svg
from femb_cli.evaluation.report.page import page_template, versions
from femb_cli.files import new_file
from femb_cli.text import per_second
from femb_cli.training.report.contents import ReportedRun, compare_settings
from femb_cli.training.report.plots import Axis, NamedCurve, Panel, save_histograms, save_panels, save_picture
from femb_cli.training.run.metrics_file import ACCURACY


class _Metric(NamedTuple):
    """A metric of `metrics.jsonl` that gets a figure; `scale` is a factor on its values."""

    name: str
    title: str
    caption: str
    axis: Axis = "linear"
    scale: float = 1.0


_METRICS = (
    _Metric("loss", "Loss", "Mean loss over each log interval."),
    _Metric("lr", "Learning rate", "Learning rate of the last step of each log interval."),
    _Metric("magnitude", "Magnitude", "Mean L2 norm of the embeddings, which MagFace and AdaFace use as quality."),
    _Metric("gradient_norm", "Gradient norm", "L2 norm of the backbone's gradient before clipping.", "logarithmic"),
    _Metric("images_per_second", "Images per second", "Speed, of all processes together.", "from zero"),
)


def write_run_report(
    file: Path,
    runs: Sequence[ReportedRun],
    leaderboard: Standings | None = None,
    *,
    command: str | None = None,
    overwrite: bool = False,
) -> None:
    """Write the report of runs and of the leaderboard.

    Args:
        file: the HTML file to write.
        runs: the runs, in the order of the columns; at least one, unless there is a leaderboard.
        leaderboard: the models on the benchmarks; None or without models shows none.
        command: the command line that makes the report, to show on the page.
        overwrite: replace a file that exists.

    Raises:
        FembError: the file exists and `overwrite` is false, or it cannot be written.
    """
    with new_file(file, overwrite=overwrite) as aside:
        aside.write_text(render_run_report(runs, datetime.now(UTC), command, leaderboard), encoding="utf-8")


def write_run_picture(file: Path, run: ReportedRun, *, overwrite: bool = False) -> None:
    """Write the curves of a run as a PNG file.

    Raises:
        FembError: the file exists and `overwrite` is false, it cannot be written, or the run has no curves yet.
    """
    panels = [*_panels([run], _METRICS), *_panels([run], _accuracies([run]))]
    if not panels:
        raise FembError(f"{run.status.run} has no curves yet", hint="they begin with the first line of its log")
    with new_file(file, overwrite=overwrite) as aside:
        save_picture(aside, run.label, panels)


def render_run_report(
    runs: Sequence[ReportedRun], written: datetime, command: str | None, leaderboard: Standings | None = None
) -> str:
    """Return the HTML of the page.

    Args:
        runs: the runs.
        written: time of the report, UTC.
        command: the command line, if it is known.
        leaderboard: the models on the benchmarks; None or without models shows none.
    """
    training = _panels(runs, _METRICS)
    verification = _panels(runs, _accuracies(runs))
    differing, common = compare_settings(runs)
    return page_template("run_page.html", "femb_cli.training.report").render(
        written=written,
        version=__version__,
        runs=runs,
        benchmarks=_benchmarks(runs),
        leaderboard=leaderboard if leaderboard is not None and leaderboard.models else None,
        training=_figures(training, with_legend=len(runs) > 1),
        verification=_figures(verification, with_legend=len(runs) > 1),
        magnitudes=_magnitude_figure(runs),
        pictures=[(run.label, b64encode(run.augmented).decode()) for run in runs if run.augmented],
        differing=differing,
        common=common,
        command=command,
        per_second=per_second,
        versions=versions(),
    )


def _benchmarks(runs: Sequence[ReportedRun]) -> list[str]:
    return list(dict.fromkeys(benchmark for run in runs for benchmark in run.benchmarks))


def _accuracies(runs: Sequence[ReportedRun]) -> list[_Metric]:
    """Return the accuracy on each benchmark of the runs."""
    return [
        _Metric(f"{name}{ACCURACY}", "Accuracy in %", f"Accuracy on {name}.", scale=100.0) for name in _benchmarks(runs)
    ]


def _panels(runs: Sequence[ReportedRun], metrics: Sequence[_Metric]) -> list[Panel]:
    """Return a figure for each metric that at least one run has."""
    panels = []
    for number, metric in enumerate(metrics):
        found = [(run.label, place, *run.curve(metric.name)) for place, run in enumerate(runs)]
        curves = [
            NamedCurve(label, place, (steps_T, metric.scale * values_T))
            for label, place, steps_T, values_T in found
            if len(steps_T)
        ]
        if curves:
            name = f"{'accuracy' if metric.name.endswith(ACCURACY) else 'metric'}{number}"
            panels.append(Panel(name, metric.title, metric.caption, metric.axis, curves))
    return panels


def _magnitude_figure(runs: Sequence[ReportedRun]) -> str | None:
    """Draw the magnitudes of the runs' images, as an SVG element; None if no run has stored them."""
    histograms = [(run.label, place, run.magnitudes) for place, run in enumerate(runs) if run.magnitudes]
    if not histograms:
        return None
    with TemporaryDirectory() as folder:
        file = Path(folder) / "magnitudes.svg"
        save_histograms(file, histograms)
        return inline_svg(file, f"Magnitudes of training images: {', '.join(label for label, _, _ in histograms)}")


def _figures(panels: Sequence[Panel], *, with_legend: bool) -> list[tuple[str, str]]:
    """Draw figures; return each as an SVG element with its caption."""
    with TemporaryDirectory() as folder:
        save_panels(Path(folder), panels, with_legend=with_legend)
        return [
            (
                inline_svg(
                    Path(folder) / f"{panel.name}.svg",
                    f"{panel.caption.rstrip('.')}, over steps: {', '.join(curve.label for curve in panel.curves)}",
                ),
                panel.caption,
            )
            for panel in panels
        ]
