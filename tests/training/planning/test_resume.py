"""A resumed run goes on with its own experiment, from a checkpoint that is whole."""

import dataclasses
import errno
import json
import os
from pathlib import Path

import pytest

from femb_cli.checkpoints.checksums import write_checksums
from femb_cli.checkpoints.runs import write_config, write_summary
from femb_cli.config.load import dump_config, load_config
from femb_cli.config.schema import DatasetConfig, InitConfig, SyntheticConfig, TrainConfig
from femb_cli.errors import FembError, UsageError
from femb_cli.progress import silent
from femb_cli.training.planning.plan import make_plan
from femb_cli.training.planning.resume import (
    check_same_experiment,
    check_steps_left,
    newest_unfinished_run,
    run_to_resume,
    sound_checkpoint,
)
from femb_cli.training.run.run_directory import RunLock, create_run

CONFIG = TrainConfig(data=SyntheticConfig(num_identities=20), batch_size=16, steps=8, epochs=None)
DATA = {"num_images": 320, "num_identities": 20, "labels_xxh3_128": "a", "images_xxh3_128": "b"}
INFO = {"femb_version": "0", "processes": 1, "device": "cpu", "threads": 2, "data": DATA}
FILES = ("model.safetensors", "classifier.safetensors", "state/optimizer.pt")


def make_run(path, config=CONFIG, steps=(), info=INFO, age=0):
    with RunLock() as lock:
        create_run(path, config, info, lock)
    for step in steps:
        checkpoint = path / f"checkpoints/step-{step:06d}"
        (checkpoint / "state").mkdir(parents=True)
        for name in FILES:
            (checkpoint / name).write_text(f"{name} {step}")
        (checkpoint / "state/progress.json").write_text(json.dumps({"step": step}))
        write_checksums(checkpoint)
    os.utime(path, (10**9 - age, 10**9 - age))
    return path


def changed(*settings):
    """The run's configuration with some settings changed, as `--resume RUN --set ...` makes it."""
    return load_config("run/config.yaml", settings)


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def resume(config, info=INFO):
    """Check that the run may go on, and return what is said."""
    said = []
    check_same_experiment(Path("run"), config, info, make_plan(config), said.append)
    return said


# ---- The experiment


def test_the_same_settings_are_nothing_to_speak_of(tmp_path):
    make_run(tmp_path / "run")
    assert resume(changed("seed=42", "steps=8")) == []


@pytest.mark.parametrize(
    "setting",
    [
        *("seed=7", "batch_size=8", "header=magface", "header.margin=0.3", "backbone.width=0.5", "optimizer.lr=1.0"),
        *("optimizer=adamw", "schedule.power=2.0", "data.seed=3", "classifier.chunk=8", "augment=[]"),
        *("precision=bf16", "clip_gradient=null", "init.checkpoint=other", "sync_batch_norm=true"),
        "validation.held_out=0.1",
    ],
)
def test_a_setting_of_the_experiment_is_refused_with_both_values(tmp_path, setting):
    make_run(tmp_path / "run")
    key = setting.partition("=")[0]
    with pytest.raises(UsageError, match=f"{key}.* .*->") as caught:
        resume(changed(setting))
    assert "--init run" in caught.value.hint


def test_all_refused_settings_are_listed_at_once(tmp_path):
    make_run(tmp_path / "run")
    with pytest.raises(UsageError, match=r"batch_size 16 -> 8, seed 42 -> 7$"):
        resume(changed("seed=7", "batch_size=8", "steps=9"))


def test_of_another_header_only_the_name_is_listed(tmp_path):
    make_run(tmp_path / "run")
    with pytest.raises(UsageError, match=r'but header\.name "arcface" -> "magface"$'):
        resume(changed("header=magface"))


def test_what_changes_no_weight_may_change_and_is_said_in_one_line(tmp_path):
    make_run(tmp_path / "run")
    (line,) = resume(changed("log_every=3", "checkpoint.every=2", "validation.benchmarks=[]", "workers=0"))
    assert "log_every 20 -> 3" in line
    assert "workers 2 -> 0" in line
    assert "schedule" not in line


def test_another_length_is_said_with_its_schedule(tmp_path):
    make_run(tmp_path / "run")
    (line,) = resume(changed("steps=20"))
    assert "steps 8 -> 20; the learning rate follows the schedule of 20 steps" in line
    write_config(tmp_path / "run", dataclasses.replace(CONFIG, schedule=type(CONFIG.schedule)("constant")))
    (line,) = resume(changed("epochs=3.0"))
    assert "epochs null -> 3.0" in line
    assert "schedule" not in line


@pytest.mark.parametrize(
    "change, words",
    [
        ({"num_images": 321}, "training set's num_images 320 -> 321"),
        ({"labels_xxh3_128": "c"}, "training set's labels or names differ"),
        ({"images_xxh3_128": "c"}, "training set's images differ"),
    ],
)
def test_another_training_set_under_the_same_name_is_refused(tmp_path, change, words):
    make_run(tmp_path / "run")
    with pytest.raises(UsageError, match=words):
        resume(CONFIG, {**INFO, "data": {**DATA, **change}})


def test_a_training_set_may_move_if_its_checksum_shows_that_it_is_the_same(tmp_path):
    plan = make_plan(CONFIG)
    ours, moved = (dataclasses.replace(CONFIG, data=DatasetConfig(path=path)) for path in ("here", "there"))
    make_run(tmp_path / "run", ours)
    said = []
    check_same_experiment(tmp_path / "run", moved, INFO, plan, said.append)
    assert 'data.path "here" -> "there"' in said[0]
    unsure = {**INFO, "data": {**DATA, "images_xxh3_128": None}}
    make_run(tmp_path / "folder", ours, info=unsure)
    said = []
    check_same_experiment(tmp_path / "folder", moved, unsure, plan, said.append)
    assert "the images themselves are not compared" in said[0]
    absolute = dataclasses.replace(CONFIG, data=DatasetConfig(path=str(tmp_path / "here")))
    said = []
    check_same_experiment(tmp_path / "folder", absolute, unsure, plan, said.append)
    assert said == []
    (tmp_path / "folder/run.json").unlink()
    with pytest.raises(UsageError, match=r"data\.path"):
        check_same_experiment(tmp_path / "folder", moved, unsure, plan, silent)


def test_an_edited_configuration_is_refused_with_both_values(tmp_path):
    run = make_run(tmp_path / "run", steps=[2])
    checkpoint = run / "checkpoints/step-000002"
    (checkpoint / "config.yaml").write_text(dump_config(CONFIG))
    plan, edited = make_plan(CONFIG), dataclasses.replace(CONFIG, seed=7, log_every=3)
    check_same_experiment(run, CONFIG, INFO, plan, silent, checkpoint)
    write_config(run, edited)
    with pytest.raises(UsageError, match=r"but seed 42 -> 7$") as caught:
        check_same_experiment(run, edited, INFO, plan, silent, checkpoint)
    assert "run/config.yaml was edited" in caught.value.hint


def test_other_processes_and_another_device_are_said(tmp_path):
    make_run(tmp_path / "run")
    (line,) = resume(CONFIG, {**INFO, "processes": 2})
    assert "1 process and goes on with 2 processes: each normalises its own part" in line
    assert "sync_batch_norm=true" in line
    (line,) = resume(CONFIG, {**INFO, "device": "cuda"})
    assert "cuda instead of cpu" in line
    (line,) = resume(CONFIG, {**INFO, "threads": 4})
    assert "has had 2 threads and goes on with 4: the numbers change by rounding; OMP_NUM_THREADS=2 keeps them" in line


def test_a_run_of_an_older_femb_goes_on_with_a_line(tmp_path):
    (make_run(tmp_path / "run") / "run.json").unlink()
    (line,) = resume(CONFIG)
    assert "older femb" in line


# ---- The checkpoint


def test_the_newest_checkpoint_is_gone_on_from(tmp_path):
    run = make_run(tmp_path / "run", steps=[2, 4])
    assert sound_checkpoint(run, silent).name == "step-000004"
    assert sound_checkpoint(make_run(tmp_path / "young"), silent) is None


@pytest.mark.parametrize("name", [*FILES, "state/progress.json", "checksums.json"])
@pytest.mark.parametrize("how", ["a flipped bit", "gone"])
def test_a_damaged_one_is_passed_over_with_a_line(tmp_path, name, how):
    run = make_run(tmp_path / "run", steps=[2, 4])
    file = run / "checkpoints/step-000004" / name
    if how == "gone" and name != "checksums.json":
        file.unlink()
    else:
        content = bytearray(file.read_bytes())
        content[-3] ^= 1
        file.write_bytes(content)
    said = []
    assert sound_checkpoint(run, said.append).name == "step-000002"
    assert len(said) == 1
    assert "step-000004 is damaged" in said[0]


def test_of_an_older_femb_the_progress_is_checked(tmp_path):
    run = make_run(tmp_path / "run", steps=[2, 4])
    (run / "run.json").unlink()
    (run / "checkpoints/step-000004/checksums.json").unlink()
    assert sound_checkpoint(run, silent).name == "step-000004"
    (run / "checkpoints/step-000004/state/progress.json").write_text('{"step": 5}')
    assert sound_checkpoint(run, silent).name == "step-000002"


@pytest.mark.parametrize("content", [None, '{"xxh3_128": {}}', "[" * 100_000, "a pipe"])
def test_without_its_checksums_a_checkpoint_is_damaged(tmp_path, content):
    file = make_run(tmp_path / "run", steps=[2, 4]) / "checkpoints/step-000004/checksums.json"
    file.unlink()
    if content == "a pipe":
        os.mkfifo(file)
    elif content is not None:
        file.write_text(content)
    said = []
    assert sound_checkpoint(tmp_path / "run", said.append).name == "step-000002"
    assert "checksums.json" in said[0]


@pytest.mark.parametrize("function", ["find_damage", "read_progress"])
def test_a_checkpoint_that_cannot_be_read_is_not_called_damaged(tmp_path, monkeypatch, function):
    make_run(tmp_path / "run", steps=[2, 4])

    def fail(*arguments, **options):
        raise OSError(errno.EIO, "Input/output error", "disk/model.safetensors")

    monkeypatch.setattr(f"femb_cli.training.planning.resume.{function}", fail)
    with pytest.raises(FembError, match=r"cannot read disk/model\.safetensors: Input/output error"):
        sound_checkpoint(tmp_path / "run", silent)


def test_without_a_sound_checkpoint_nothing_is_trained_anew(tmp_path):
    run = make_run(tmp_path / "run", steps=[2, 4])
    for file in run.glob("checkpoints/*/model.safetensors"):
        file.write_text("damaged")
    with pytest.raises(FembError, match="step-000004 is damaged.*step-000002 is damaged") as caught:
        sound_checkpoint(run, silent)
    assert "--init" in caught.value.hint


@pytest.mark.parametrize("step, finished, words", [(8, True, "has finished its 8 steps"), (9, False, "has done 9")])
def test_a_run_with_no_step_left_is_refused(tmp_path, step, finished, words):
    run = make_run(tmp_path / "run")
    if finished:
        write_summary(run, {})
    with pytest.raises(FembError, match=words) as caught:
        check_steps_left(run, make_plan(CONFIG), step)
    assert "--steps" in caught.value.hint


def test_a_run_that_lacks_only_its_summary_goes_on(tmp_path):
    check_steps_left(make_run(tmp_path / "run"), make_plan(CONFIG), 8)


# ---- The run


def test_the_newest_unfinished_run_that_can_go_on_is_resumed(tmp_path, caplog):
    runs = tmp_path / "runs"
    make_run(runs / "old", age=100)
    waiting = make_run(runs / "waiting", age=50)
    write_summary(make_run(runs / "finished", age=40), {})
    make_run(runs / "cut", age=30)
    text = dump_config(CONFIG)
    (runs / "cut/config.yaml").write_text(text[: len(text) // 2])
    os.utime(runs / "cut", (10**9 - 30, 10**9 - 30))
    (runs / "no-config/checkpoints").mkdir(parents=True)
    make_run(runs / ".being-made.abc.tmp", age=5)
    with RunLock() as lock:
        lock.take(make_run(runs / "training", age=10))
        assert newest_unfinished_run().resolve() == waiting
    assert "another process is training" in caplog.text
    assert "cut" in caplog.text
    assert newest_unfinished_run().name == "training"


def test_a_run_with_nothing_to_go_on_from_is_passed_over(tmp_path, caplog):
    runs = tmp_path / "runs"
    make_run(runs / "good", steps=[2], age=50)
    (make_run(runs / "info") / "run.json").write_text("[")
    for file in make_run(runs / "damaged", steps=[2]).glob("checkpoints/*/model.safetensors"):
        file.write_text("damaged")
    make_run(runs / "init", dataclasses.replace(CONFIG, init=InitConfig(checkpoint="gone")))
    for name in ("info", "damaged", "init"):
        os.utime(runs / name, (10**9, 10**9))
    assert newest_unfinished_run().name == "good"
    assert all(words in caplog.text for words in ("run.json is damaged", "no checkpoint to go on from", "gone"))


def test_without_one_the_obstacles_are_named(tmp_path):
    with pytest.raises(FembError, match="no unfinished run under runs to resume$") as caught:
        newest_unfinished_run()
    assert "femb train" in caught.value.hint
    (make_run(tmp_path / "runs/cut") / "config.yaml").write_text("")
    with pytest.raises(FembError, match=r"cut/config\.yaml is cut off"):
        newest_unfinished_run()


def test_what_is_no_run_is_not_resumed(tmp_path):
    (tmp_path / "photos").mkdir()
    with pytest.raises(FembError, match="photos is not a run") as caught:
        run_to_resume("photos")
    assert "--overwrite" in caught.value.hint
    (tmp_path / "photos/holiday.jpg").touch()
    with pytest.raises(FembError, match=r"it has no config\.yaml and no checkpoints/$") as caught:
        run_to_resume("photos")
    assert caught.value.hint is None


def test_what_was_meant_instead_is_named(tmp_path):
    with pytest.raises(FembError, match="no run runs/a$") as caught:
        run_to_resume("runs/a")
    assert caught.value.hint == "femb train --out runs/a makes it"
    make_run(Path("runs/old"), steps=[2], age=9)
    make_run(Path("runs/new"))
    meant = {"runs/a": "runs/new, runs/old", "runs": "runs/new", "runs/old/checkpoints/step-000002": "runs/old"}
    for name, words in meant.items():
        with pytest.raises(FembError) as caught:
            run_to_resume(name)
        assert caught.value.hint.endswith(words)


def test_a_replaced_run_is_named_where_its_name_is_gone(tmp_path):
    make_run(Path("runs/.a.replaced"), steps=[2])
    with pytest.raises(FembError) as caught:
        run_to_resume("runs/a")
    assert "runs/.a.replaced" in caught.value.hint
