"""A run's directory is made whole, and one process trains in it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from femb_cli.checkpoints.runs import MODEL, is_run, read_config, run_checkpoints, write_summary
from femb_cli.config.schema import TrainConfig
from femb_cli.errors import FembError
from femb_cli.training.run.run_directory import (
    FILES,
    RunLock,
    create_run,
    put_back_replaced_run,
    read_info,
    remove_replaced_run,
    reopen_run,
    replaced_run,
)

INFO = {"femb_version": "0", "processes": 1, "device": "cpu", "data": {"num_images": 4}}


def make_run(path, config=None, *, overwrite=False, steps=()):
    with RunLock() as lock:
        create_run(path, config or TrainConfig(), INFO, lock, overwrite=overwrite)
    for step in steps:
        (path / f"checkpoints/step-{step:06d}").mkdir()
        (path / f"checkpoints/step-{step:06d}" / MODEL).touch()
    return path


def tree(folder):
    return {path.relative_to(folder): path.lstat().st_mtime_ns for path in folder.rglob("*")}


def test_a_new_run_has_its_configuration_and_what_it_trains_on(tmp_path):
    run = make_run(tmp_path / "runs/run", TrainConfig(batch_size=7))
    assert is_run(run)
    assert read_config(run) == TrainConfig(batch_size=7)
    assert read_info(run) == INFO
    assert [path.name for path in run.parent.iterdir()] == ["run"]


def test_an_existing_run_is_kept_unless_asked_otherwise(tmp_path):
    run = make_run(tmp_path / "run", steps=[5])
    with pytest.raises(FembError, match="exists already") as caught:
        make_run(run)
    assert "--overwrite" in caught.value.hint
    assert run_checkpoints(run)
    make_run(run, overwrite=True)
    assert run_checkpoints(run) == []


@pytest.mark.parametrize("exchanges", [True, False])
def test_a_replaced_run_stays_until_the_new_one_has_a_checkpoint(tmp_path, monkeypatch, exchanges):
    if not exchanges:
        monkeypatch.setattr("femb_cli.files._exchange", lambda one, other: False)
    run = make_run(tmp_path / "run", TrainConfig(batch_size=7), steps=[5])
    make_run(run, overwrite=True)
    assert [path.name for path in run_checkpoints(replaced_run(run))] == ["step-000005"]
    make_run(run, overwrite=True)  # a second try that replaces a run without a checkpoint
    assert run_checkpoints(replaced_run(run))
    assert put_back_replaced_run(run)
    assert read_config(run).batch_size == 7
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    make_run(run, overwrite=True, steps=[2])
    assert not put_back_replaced_run(run)
    remove_replaced_run(run)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert [path.name for path in run_checkpoints(run)] == ["step-000002"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_no_run_is_never_deleted(tmp_path, overwrite):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/holiday.jpg").write_text("dear")
    (tmp_path / "file").write_text("dear")
    for name in ("photos", "file"):
        with pytest.raises(FembError, match="is not a run"):
            make_run(tmp_path / name, overwrite=overwrite)
    assert (tmp_path / "photos/holiday.jpg").read_text() == (tmp_path / "file").read_text() == "dear"


def test_what_an_older_femb_had_half_made_is_overwritten_when_asked(tmp_path):
    (tmp_path / "run/checkpoints").mkdir(parents=True)
    (tmp_path / "run/.config.yaml.abc.tmp").write_text("data: {na")
    with pytest.raises(FembError, match="exists already"):
        make_run(tmp_path / "run")
    assert is_run(make_run(tmp_path / "run", overwrite=True))


def test_overwriting_a_link_replaces_the_link(tmp_path):
    run = make_run(tmp_path / "elsewhere", steps=[5])
    (tmp_path / "link").symlink_to(run)
    before = tree(run)
    make_run(tmp_path / "link", overwrite=True)
    assert not (tmp_path / "link").is_symlink()
    assert tree(run) == before


def test_a_run_is_locked_from_the_beginning_until_the_lock_is_closed(tmp_path):
    with RunLock() as lock:
        create_run(tmp_path / "run", TrainConfig(), INFO, lock)
        with RunLock() as other, pytest.raises(FembError, match="another process is training in .*run"):
            other.take(tmp_path / "run")
        with pytest.raises(FembError, match="another process"):
            make_run(tmp_path / "run", overwrite=True)
    make_run(tmp_path / "run", overwrite=True)


def test_a_killed_process_holds_no_lock(tmp_path):
    run = make_run(tmp_path / "run")
    program = (
        "import pathlib, sys, time\n"
        "from femb_cli.training.run.run_directory import RunLock\n"
        "lock = RunLock()\nlock.take(pathlib.Path(sys.argv[1]))\nprint('locked', flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(run)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "locked\n"
        with RunLock() as lock, pytest.raises(FembError, match="another process"):
            lock.take(run)
        process.send_signal(signal.SIGKILL)
    with RunLock() as lock:
        lock.take(run)


def test_a_run_is_made_whole_or_not_at_all(tmp_path, monkeypatch):
    run = make_run(tmp_path / "run", steps=[5])
    before = tree(run)

    def stop(self, text, **_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_text", stop)
    for path, overwrite in ((tmp_path / "new", False), (run, True)):
        with pytest.raises(KeyboardInterrupt):
            make_run(path, overwrite=overwrite)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert tree(run) == before


def test_a_reopened_run_is_unfinished_and_clean(tmp_path):
    run = make_run(tmp_path / "run", steps=[2, 4, 6])
    write_summary(run, {})
    (run / "checkpoints/.step-000004.abc.tmp").mkdir()
    (run / "checkpoints/.step-000004.abc.tmp" / MODEL).touch()
    for name in FILES:
        (run / f".{name}.abc.tmp").touch()
    (run / ".mine.tmp").touch()
    run.with_name(f".{run.name}.abc.tmp").mkdir()  # the run that this one has replaced, half removed
    reopen_run(run, TrainConfig(steps=9, epochs=None), {**INFO, "processes": 2}, step=4)
    assert sorted(path.name for path in run.iterdir()) == [".mine.tmp", "checkpoints", "config.yaml", "run.json"]
    assert not run.with_name(f".{run.name}.abc.tmp").exists()
    assert (read_config(run).steps, read_info(run)["processes"]) == (9, 2)
    names = sorted(path.name for path in (run / "checkpoints").iterdir())
    assert names == ["step-000002", "step-000004", "step-000006.damaged"]
    assert [path.name for path in run_checkpoints(run)] == ["step-000002", "step-000004"]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"processes": 1, "device": "cpu", "data": 3}'])
def test_a_damaged_run_info_is_an_error_and_a_missing_one_an_older_run(tmp_path, content):
    run = make_run(tmp_path / "run")
    (run / "run.json").write_text(content)
    with pytest.raises(FembError, match=r"run\.json is damaged"):
        read_info(run)
    (run / "run.json").unlink()
    assert read_info(run) is None


def test_an_older_run_gets_checksums_before_its_run_info(tmp_path):
    run = make_run(tmp_path / "run", steps=[5])
    (run / "run.json").unlink()
    reopen_run(run, TrainConfig(), INFO, 5)
    assert (run / "checkpoints/step-000005/checksums.json").is_file()
