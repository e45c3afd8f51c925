"""Where runs are, and what a run's directory holds."""

import os
import shutil

import pytest

from femb_cli.checkpoints.runs import (
    MODEL,
    RUN_SUMMARY,
    keep_newest_checkpoints,
    newest_finished_run,
    read_config,
    run_checkpoints,
    run_path,
    write_config,
    write_summary,
)
from femb_cli.config.load import dump_config
from femb_cli.config.schema import DatasetConfig, MagFaceConfig, TrainConfig
from femb_cli.errors import FembError, UsageError


@pytest.fixture(autouse=True)
def _runs_here(tmp_path, monkeypatch):
    monkeypatch.setenv("FEMB_RUNS_DIR", str(tmp_path / "runs"))


def make_run(path, steps=()):
    (path / "checkpoints").mkdir(parents=True)
    write_config(path, TrainConfig())
    for step in steps:
        (path / "checkpoints" / f"step-{step}").mkdir()
        (path / "checkpoints" / f"step-{step}" / MODEL).touch()
    return path


def test_a_run_is_named_after_what_is_trained_on_what(tmp_path):
    config = TrainConfig(header=MagFaceConfig(), data=DatasetConfig(path="/data/ms1m.set/"))
    assert run_path(config) == tmp_path / "runs/magface_iresnet50_ms1m_1"


@pytest.mark.parametrize(
    ("pattern", "name"), [("d/ms1m-{0000..0099}.tar", "ms1m"), ("d/ms1m_*.tar", "ms1m"), ("{0..3}.tar", "shards")]
)
def test_a_run_on_a_pattern_of_files_is_named_after_its_beginning(tmp_path, pattern, name):
    config = TrainConfig(header=MagFaceConfig(), data=DatasetConfig(path=pattern))
    assert run_path(config).name == f"magface_iresnet50_{name}_1"


def test_a_name_that_is_taken_is_counted_on(tmp_path):
    for number in (1, 2):
        make_run(tmp_path / f"runs/arcface_iresnet50_synthetic_{number}")
    assert run_path(TrainConfig()).name == "arcface_iresnet50_synthetic_3"


def test_a_configuration_that_is_cut_off_anywhere_is_refused_or_means_the_same(tmp_path):
    config = TrainConfig(batch_size=7, seed=123)
    text = dump_config(config)
    (tmp_path / "config.yaml").write_text(text)
    assert read_config(tmp_path) == config
    ends_of_lines = [length for length in range(len(text)) if text[:length].endswith("\n")]
    for length in {0, *range(1, len(text), 11), *ends_of_lines, *range(len(text) - 30, len(text))}:
        (tmp_path / "config.yaml").write_text(text[:length])
        with pytest.raises(FembError, match=r"config\.yaml"):
            read_config(tmp_path)


def test_a_configuration_of_an_older_femb_is_whole_without_later_settings(tmp_path):
    lines = dump_config(TrainConfig(batch_size=7)).splitlines(keepends=True)
    older = [line for line in lines if not line.startswith("sync_batch_norm")]
    assert len(older) == len(lines) - 1
    (tmp_path / "config.yaml").write_text("".join(older))
    assert read_config(tmp_path) == TrainConfig(batch_size=7)


def test_a_setting_of_an_older_femb_is_refused_with_the_file_and_the_new_form(tmp_path):
    new = "augment:\n- name: flip\n  probability: 0.5\n"
    text = dump_config(TrainConfig())
    assert new in text
    (tmp_path / "config.yaml").write_text(text.replace(new, "augment:\n  flip: 0.5\n"))
    with pytest.raises(UsageError, match=r"config\.yaml: augment must be a list, not {'flip': 0.5}") as caught:
        read_config(tmp_path)
    assert "[flip, " in caught.value.hint


def test_checkpoints_are_ordered_by_their_step(tmp_path):
    run = make_run(tmp_path / "run", steps=[1000, 20, 300])
    assert [folder.name for folder in run_checkpoints(run)] == ["step-20", "step-300", "step-1000"]


def test_only_the_newest_checkpoints_stay(tmp_path):
    run = make_run(tmp_path / "run", steps=[1000, 20, 300])
    keep_newest_checkpoints(run, 2)
    assert [folder.name for folder in run_checkpoints(run)] == ["step-300", "step-1000"]


def test_a_checkpoint_without_a_network_is_none_and_goes_with_the_old_ones(tmp_path):
    run = make_run(tmp_path / "run", steps=[10, 20, 30])
    (run / "checkpoints/step-10" / MODEL).unlink()
    assert [folder.name for folder in run_checkpoints(run)] == ["step-20", "step-30"]
    keep_newest_checkpoints(run, 2)
    assert sorted(folder.name for folder in (run / "checkpoints").iterdir()) == ["step-20", "step-30"]


def test_a_checkpoint_that_is_being_deleted_has_lost_its_name_and_links_are_not_followed(tmp_path, monkeypatch):
    run = make_run(tmp_path / "run", steps=[20, 30])
    (run / "checkpoints/step-10").symlink_to(make_run(tmp_path / "other", steps=[1]) / "checkpoints/step-1")
    deleted = []
    original = shutil.rmtree
    monkeypatch.setattr(shutil, "rmtree", lambda path, **_: (deleted.append(path.name), original(path)))
    keep_newest_checkpoints(run, 1)
    assert len(deleted) == 1
    assert deleted[0].startswith(".step-20.") and deleted[0].endswith(".tmp")
    assert [folder.name for folder in (run / "checkpoints").iterdir()] == ["step-30"]
    assert (tmp_path / "other/checkpoints/step-1" / MODEL).exists()


def test_other_files_beside_the_checkpoints_are_passed_over(tmp_path):
    run = make_run(tmp_path / "run", steps=[20])
    (run / "checkpoints/step-20.zip").write_text("")
    assert [folder.name for folder in run_checkpoints(run)] == ["step-20"]


def test_no_finished_run_at_all_is_an_error_with_a_hint():
    with pytest.raises(FembError, match="run") as caught:
        newest_finished_run()
    assert "femb train" in caught.value.hint


def test_without_a_finished_run_the_unfinished_one_is_named(tmp_path):
    run = make_run(tmp_path / "runs/one", steps=[20])
    with pytest.raises(FembError) as caught:
        newest_finished_run(tmp_path / "runs")
    assert caught.value.hint.startswith(f"femb train --resume {run} goes on after step 20; --model {run} takes")
    shutil.rmtree(run / "checkpoints/step-20")
    with pytest.raises(FembError) as caught:
        newest_finished_run(tmp_path / "runs")
    assert caught.value.hint.startswith(f"femb train --resume {run} starts it again")


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


@pytest.mark.parametrize("content", ["seed: [1\n", "seed: 1\nseed: 2\n"])
def test_of_a_configuration_that_is_no_yaml_the_copies_are_named(tmp_path, content):
    (tmp_path / "config.yaml").write_text(content)
    with pytest.raises(FembError) as caught:
        read_config(tmp_path)
    assert "checkpoints/step-*/config.yaml" in caught.value.hint


def test_without_a_run_the_checkpoint_that_is_here_and_networks_for_photos_are_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FembError) as caught:
        newest_finished_run(tmp_path / "runs")
    assert caught.value.hint.startswith("--model PATH; femb list models has some for photos")
    (tmp_path / "mfn").mkdir()
    (tmp_path / "mfn/model.safetensors").touch()
    with pytest.raises(FembError) as caught:
        newest_finished_run(tmp_path / "runs")
    assert caught.value.hint.startswith("--model mfn is here; femb list models has some for photos")
