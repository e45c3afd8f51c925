"""What a report of runs shows."""

import json

import pytest

from femb_cli.errors import FembError
from femb_cli.training.report.contents import compare_settings, read_runs


def test_curves_are_the_finite_values_of_the_metrics(paths, tmp_path):
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    (run / "config.yaml").write_text((paths[0] / "config.yaml").read_text())
    values = [1.5, float("inf"), float("nan"), None, 2]
    lines = [json.dumps({"step": step, "gradient_norm": value}) for step, value in enumerate(values)]
    (run / "metrics.jsonl").write_text("\n".join(lines))
    (reported,) = read_runs([run])
    assert [points.tolist() for points in reported.curve("gradient_norm")] == [[0, 4], [1.5, 2.0]]
    assert reported.newest("gradient_norm") == 2.0
    assert reported.newest("loss") is None


def test_runs_differ_in_some_settings_and_have_others_in_common(paths):
    differing, common = compare_settings(read_runs(paths))
    assert differing["header.name"] == ["arcface", "magface"]
    assert differing["header.margin"] == ["0.4", ""]
    assert differing["steps"] == ["9", "6"]
    assert (common["batch_size"], common["processes"], common["data.path"]) == ("128", "2", "data/<b>people")
    assert compare_settings(read_runs(paths[:1]))[0] == {}


def test_labels_are_as_short_as_they_can_be_and_a_run_is_shown_once(paths):
    assert [run.label for run in read_runs([paths[0], paths[1], paths[0]])] == [path.name for path in paths]
    assert [run.label for run in read_runs([paths[0]])] == ["arcface_1"]


def test_what_is_no_run_and_a_run_without_metrics_are_refused(paths, tmp_path):
    with pytest.raises(FembError, match="nowhere is not a run"):
        read_runs([paths[0], tmp_path / "nowhere"])
    (tmp_path / "new/checkpoints").mkdir(parents=True)
    (tmp_path / "new/config.yaml").touch()
    with pytest.raises(FembError, match="no metrics yet"):
        read_runs([tmp_path / "new"])
