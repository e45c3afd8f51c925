"""Reading `metrics.jsonl`."""

from femb_cli.training.run.metrics_file import BestResult, best_result, read_metrics


def test_lines_that_were_cut_off_are_passed_over(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "loss": 2.0}\n{"loss": 1.0}\n[1]\n{"step": 2, "lo')
    assert read_metrics(tmp_path) == [{"step": 1, "loss": 2.0}]
    assert read_metrics(tmp_path / "nowhere") == []


def test_the_best_result_is_the_first_with_the_largest_accuracy():
    lines = [
        {"step": 1, "loss": 3.0},
        {"step": 2, "lfw/accuracy": 0.8, "lfw/eer": 0.2},
        {"step": 2, "cfp_fp/accuracy": 0.95},
        {"step": 4, "lfw/accuracy": 0.9},
        {"step": 6, "lfw/accuracy": 0.9},
    ]
    assert best_result(lines) == BestResult("lfw", 0.9, 4)
    assert best_result(lines, "cfp_fp") == BestResult("cfp_fp", 0.95, 2)
    assert best_result(lines, "agedb_30") is None
    assert best_result(lines[:1]) is None
