"""Where runs are, and what a run's directory holds."""

import os

import pytest

from femb_cli.checkpoints.runs import (
    RUN_SUMMARY,
    create_run,
    is_run,
    keep_newest_checkpoints,
    newest_finished_run,
    newest_unfinished_run,
    run_checkpoints,
    run_path,
    write_summary,
)
from femb_cli.config.load import load_config
from femb_cli.config.schema import DatasetConfig, MagFaceConfig, TrainConfig
from femb_cli.errors import FembError


@pytest.fixture(autouse=True)
def _runs_here(tmp_path, monkeypatch):
    monkeypatch.setenv("FEMB_RUNS_DIR", str(tmp_path / "runs"))


def make_run(path, age=0, steps=()):
    create_run(path, TrainConfig())
    for step in steps:
        (path / "checkpoints" / f"step-{step}").mkdir()
    os.utime(path / "config.yaml", (10**9 - age, 10**9 - age))
    return path


def test_a_run_is_named_after_what_is_trained_on_what(tmp_path):
    config = TrainConfig(header=MagFaceConfig(), data=DatasetConfig(path="/data/ms1m.set/"))
    assert run_path(config) == tmp_path / "runs/magface_iresnet50_ms1m_1"


def test_a_name_that_is_taken_is_counted_on(tmp_path):
    for number in (1, 2):
        make_run(tmp_path / f"runs/arcface_iresnet50_synthetic_{number}")
    assert run_path(TrainConfig()).name == "arcface_iresnet50_synthetic_3"


def test_the_configuration_in_a_run_is_the_one_that_it_was_made_with(tmp_path):
    config = TrainConfig(batch_size=7)
    create_run(tmp_path / "run", config)
    assert is_run(tmp_path / "run")
    assert load_config(tmp_path / "run/config.yaml") == config


def test_an_existing_run_is_kept_unless_asked_otherwise(tmp_path):
    run = make_run(tmp_path / "run", steps=[5])
    with pytest.raises(FembError, match="exists already") as caught:
        create_run(run, TrainConfig())
    assert "--overwrite" in caught.value.hint
    assert run_checkpoints(run)
    create_run(run, TrainConfig(), overwrite=True)
    assert run_checkpoints(run) == []


def test_a_folder_that_is_no_run_is_never_deleted(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/holiday.jpg").write_text("dear")
    with pytest.raises(FembError, match="is not a run"):
        create_run(tmp_path / "photos", TrainConfig(), overwrite=True)
    assert (tmp_path / "photos/holiday.jpg").read_text() == "dear"


def test_checkpoints_are_ordered_by_their_step(tmp_path):
    run = make_run(tmp_path / "run", steps=[1000, 20, 300])
    assert [folder.name for folder in run_checkpoints(run)] == ["step-20", "step-300", "step-1000"]


def test_only_the_newest_checkpoints_stay(tmp_path):
    run = make_run(tmp_path / "run", steps=[1000, 20, 300])
    keep_newest_checkpoints(run, 2)
    assert [folder.name for folder in run_checkpoints(run)] == ["step-300", "step-1000"]


def test_other_files_beside_the_checkpoints_are_passed_over(tmp_path):
    run = make_run(tmp_path / "run", steps=[20])
    (run / "checkpoints/step-20.zip").write_text("")
    assert [folder.name for folder in run_checkpoints(run)] == ["step-20"]


def test_the_newest_unfinished_run_is_resumed(tmp_path):
    make_run(tmp_path / "runs/old", age=100)
    waiting = make_run(tmp_path / "runs/waiting", age=50)
    write_summary(make_run(tmp_path / "runs/finished"), {})
    assert newest_unfinished_run() == waiting


@pytest.mark.parametrize("which", [newest_unfinished_run, newest_finished_run])
def test_no_run_at_all_is_an_error_with_a_hint(which):
    with pytest.raises(FembError, match="run") as caught:
        which()
    assert "femb train" in caught.value.hint


def test_the_newest_finished_run_is_the_one_that_ended_last(tmp_path):
    for number, name in enumerate(["first", "last"]):
        write_summary(make_run(tmp_path / "runs" / name, steps=[1]), {"number": number})
        os.utime(tmp_path / "runs" / name / RUN_SUMMARY, (10**9 + number,) * 2)
    make_run(tmp_path / "runs/unfinished", steps=[1])
    assert newest_finished_run(tmp_path / "runs").name == "last"


def test_runs_are_looked_for_where_the_environment_says_unless_told_otherwise(tmp_path, monkeypatch):
    for directory in ("here", "there"):
        write_summary(make_run(tmp_path / directory / "run", steps=[1]), {})
    monkeypatch.setenv("FEMB_RUNS_DIR", str(tmp_path / "here"))
    assert newest_finished_run() == tmp_path / "here/run"
    assert newest_finished_run(tmp_path / "there") == tmp_path / "there/run"
