"""Two verifications, and their report with everything and with nothing beyond the metrics."""

from pathlib import Path

import pytest
from reports import everything_known, overlapping_scores, scored

from femb_cli.evaluation.report.write import write_report
from femb_cli.evaluation.verification.result import Verification


@pytest.fixture(scope="session")
def results(tmp_path_factory) -> list[Verification]:
    folder = tmp_path_factory.mktemp("pairs")
    return [scored(folder, overlapping_scores(200), "plain"), scored(folder, overlapping_scores(300), "_<b>&$x_$")]


@pytest.fixture(scope="session")
def full(results, tmp_path_factory) -> Path:
    """A report with everything that it can show."""
    folder = tmp_path_factory.mktemp("reports") / "full"
    contents = [everything_known(result) for result in results]
    write_report(folder, results, contents, command="femb verify --pairs 'a & b.csv' --report full")
    return folder


@pytest.fixture(scope="session")
def report(results, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("reports") / "report"
    write_report(folder, results)
    return folder
