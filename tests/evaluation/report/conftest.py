"""Two verifications, and their report with everything and with nothing beyond the metrics."""

from pathlib import Path

import pytest
from reports import everything_known, overlapping_scores, scored

from femb_cli.evaluation.metrics.differences import Difference
from femb_cli.evaluation.metrics.intervals import Interval
from femb_cli.evaluation.report.write import write_report
from femb_cli.evaluation.verification.comparison import Comparison
from femb_cli.evaluation.verification.result import Verification


@pytest.fixture(scope="session")
def results(tmp_path_factory) -> list[Verification]:
    folder = tmp_path_factory.mktemp("pairs")
    return [scored(folder, overlapping_scores(200), "plain"), scored(folder, overlapping_scores(300), "_<b>&$x_$")]


@pytest.fixture(scope="session")
def difference() -> Comparison:
    """The second model has 0.4 percentage points more errors."""
    metrics = {
        "accuracy": Difference(0.9, 0.85, Interval(0.02, 0.08, 0.95), larger_is_better=True),
        "fnmr_at_fmr_1e-2": Difference(0.1, 0.104, Interval(-0.007, -0.001, 0.95), larger_is_better=False),
        "auc": Difference(0.98765, 0.98765, Interval(-0.01, 0.02, 0.95), larger_is_better=True),
    }
    return Comparison("Toys & dolls", 0, 1, metrics, "bootstrap over pairs", 1000)


@pytest.fixture(scope="session")
def full(results, difference, tmp_path_factory) -> Path:
    """A report with everything that it can show."""
    folder = tmp_path_factory.mktemp("reports") / "full"
    contents = [everything_known(result) for result in results]
    command = "femb verify --pairs '/home/alice/a & b.csv' --report full"
    write_report(folder, results, contents, [difference], command=command)
    return folder


@pytest.fixture(scope="session")
def report(results, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("reports") / "report"
    write_report(folder, results)
    return folder
