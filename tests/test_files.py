"""Writing that leaves the whole result or nothing."""

import errno
import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from femb_cli import files
from femb_cli.errors import FembError, UsageError
from femb_cli.files import (
    cache_folder,
    cannot_write,
    check_output_file,
    lock,
    new_file,
    new_folder,
    one_at_a_time,
    remove_leftovers,
)


def tree(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def write(maker, path, text="new", **options):
    with maker(path, **options) as aside:
        (aside / "inside" if aside.is_dir() else aside).write_text(text)


@pytest.mark.parametrize("maker, name", [(new_file, "a/b/result"), (new_folder, "a/b/result/inside")])
def test_the_result_takes_its_name_and_nothing_else_is_left(tmp_path, maker, name):
    write(maker, tmp_path / "a/b/result")
    assert tree(tmp_path) == {name: "new"}
    assert [path.name for path in (tmp_path / "a/b").iterdir()] == ["result"]


@pytest.mark.parametrize("maker", [new_file, new_folder])
def test_nothing_has_the_name_before_the_end(tmp_path, maker):
    with maker(tmp_path / "result") as aside:
        assert aside.parent == tmp_path
        assert not (tmp_path / "result").exists()
        if maker is new_file:
            aside.write_text("")


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("maker", [new_file, new_folder])
def test_a_failure_leaves_nothing(tmp_path, maker, error):
    with pytest.raises(error), maker(tmp_path / "result") as aside:
        (aside / "half" if aside.is_dir() else aside).write_text("half")
        raise error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("maker", [new_file, new_folder])
def test_what_exists_is_refused_with_a_hint(tmp_path, maker):
    write(maker, tmp_path / "result", "old")
    before = tree(tmp_path)
    with pytest.raises(FembError, match="exists already") as caught:
        write(maker, tmp_path / "result")
    assert "--overwrite" in caught.value.hint
    assert tree(tmp_path) == before


@pytest.mark.parametrize("maker, name", [(new_file, "result"), (new_folder, "result/inside")])
def test_overwriting_replaces_the_old_result_whole(tmp_path, maker, name):
    write(maker, tmp_path / "result", "old")
    if maker is new_folder:
        (tmp_path / "result/of the old one").write_text("")
    write(maker, tmp_path / "result", overwrite=True)
    assert tree(tmp_path) == {name: "new"}
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("maker", [new_file, new_folder])
def test_a_failed_overwrite_keeps_the_old_result(tmp_path, maker):
    write(maker, tmp_path / "result", "old")
    before = tree(tmp_path)
    with pytest.raises(ValueError), maker(tmp_path / "result", overwrite=True) as aside:
        (aside / "half" if aside.is_dir() else aside).write_text("half")
        raise ValueError
    assert tree(tmp_path) == before


def test_overwriting_a_link_leaves_what_it_points_to(tmp_path):
    write(new_folder, tmp_path / "elsewhere", "kept")
    (tmp_path / "result").symlink_to(tmp_path / "elsewhere")
    write(new_folder, tmp_path / "result", overwrite=True)
    assert tree(tmp_path) == {"elsewhere/inside": "kept", "result/inside": "new"}
    assert not (tmp_path / "result").is_symlink()


def test_a_folder_below_a_file_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FembError, match="cannot make the directory"):
        write(new_file, tmp_path / "file/below/result")


@pytest.fixture
def without_exchange(monkeypatch):
    """A file system that cannot exchange two names in one step."""
    monkeypatch.setattr(files, "_exchange", lambda one, other: False)


def test_a_folder_is_replaced_in_two_steps_where_names_cannot_be_exchanged(tmp_path, without_exchange):
    write(new_folder, tmp_path / "result", "old")
    write(new_folder, tmp_path / "result", overwrite=True)
    assert tree(tmp_path) == {"result/inside": "new"}


def test_the_old_folder_comes_back_if_the_new_one_cannot_be_renamed(tmp_path, monkeypatch, without_exchange):
    write(new_folder, tmp_path / "result", "old")
    rename = Path.replace

    def fails_for_the_new_one(path, target):
        if path.suffix == ".tmp":
            raise OSError("disk failure")
        return rename(path, target)

    monkeypatch.setattr(Path, "replace", fails_for_the_new_one)
    with pytest.raises(FembError, match="disk failure"):
        write(new_folder, tmp_path / "result", overwrite=True)
    assert tree(tmp_path) == {"result/inside": "old"}


def test_the_old_folder_comes_back_after_a_kill_between_two_renames(tmp_path):
    (tmp_path / ".result.abc.old").mkdir()
    (tmp_path / ".result.abc.old/inside").write_text("old")
    remove_leftovers(tmp_path / "result")
    assert tree(tmp_path) == {"result/inside": "old"}


@pytest.mark.parametrize("maker", [new_file, new_folder])
def test_what_a_killed_writer_left_is_removed_and_what_a_living_one_writes_stays(tmp_path, maker):
    (tmp_path / ".result.abc.tmp").write_text("half")
    (tmp_path / ".result.def.tmp").mkdir()
    (tmp_path / ".result.def.tmp/half").write_text("half")
    (tmp_path / ".another.abc.tmp").write_text("not of this result")
    with maker(tmp_path / "result") as living:
        write(maker, tmp_path / "result", "from the second writer")
        assert living.exists()
        (living / "inside" if living.is_dir() else living).write_text("from the first writer")
        left = {path.name for path in tmp_path.iterdir()}
        assert left == {".another.abc.tmp", "result", living.name}


def test_a_leftover_that_is_a_link_is_not_followed(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/inside").write_text("")
    (tmp_path / ".result.abc.tmp").symlink_to(tmp_path / "kept")
    remove_leftovers(tmp_path / "result")
    assert (tmp_path / "kept/inside").exists()


@pytest.mark.parametrize("maker", [new_file, new_folder])
@pytest.mark.parametrize(
    "number, hint", [(errno.ENOSPC, "free some space"), (errno.EROFS, "choose another place"), (errno.EIO, "fails")]
)
def test_a_failing_disk_is_one_error_that_names_the_output(tmp_path, maker, number, hint):
    message = f"cannot write {tmp_path}/result: {os.strerror(number)}"
    with pytest.raises(FembError, match=message) as caught, maker(tmp_path / "result"):
        raise OSError(number, os.strerror(number))
    assert hint in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_result_has_the_permissions_of_any_new_file(tmp_path):
    """Also if a library writes it under a temporary name of its own, which only the owner can read."""
    with new_file(tmp_path / "file") as aside:
        save_file({"numbers": np.zeros(1)}, aside)
    with new_folder(tmp_path / "folder") as aside:
        save_file({"numbers": np.zeros(1)}, aside / "inside")
    (tmp_path / "plain").write_text("")
    (tmp_path / "plain folder").mkdir()
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert (tmp_path / "folder/inside").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert (tmp_path / "folder").stat().st_mode == (tmp_path / "plain folder").stat().st_mode


def test_files_and_their_directory_are_on_the_disk_before_and_after_the_rename(tmp_path, monkeypatch):
    events = []
    monkeypatch.setattr(files, "sync", lambda path: events.append(("sync", path.name)))
    rename = Path.replace
    monkeypatch.setattr(Path, "replace", lambda path, target: events.append(("rename", "")) or rename(path, target))
    with new_file(tmp_path / "result") as aside:
        aside.write_text("")
    assert events == [("sync", aside.name), ("rename", ""), ("sync", tmp_path.name)]
    events.clear()
    with new_folder(tmp_path / "folder") as aside:
        (aside / "inside").write_text("")
    assert events == [("sync", "inside"), ("sync", aside.name), ("rename", ""), ("sync", tmp_path.name)]


def test_only_one_process_may_lock_an_output(tmp_path):
    with (tmp_path / "part").open("w") as first, (tmp_path / "part").open("w") as second:
        lock(first.fileno(), tmp_path / "result")
        with pytest.raises(FembError, match="another process is writing .*result"):
            lock(second.fileno(), tmp_path / "result")


def test_an_entry_of_a_cache_is_made_once_while_others_wait(tmp_path):
    entry, made, said = tmp_path / "cache" / "entry", [], []

    def make():
        with one_at_a_time(entry, said.append):
            if not entry.exists():
                time.sleep(0.05)
                made.append(entry.write_text("made"))

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert said[0] == f"waiting for another process that makes {entry}"
    assert tree(tmp_path) == {"cache/entry": "made"}


@pytest.mark.parametrize(
    "environment, expected",
    [
        ({"FEMB_CACHE_DIR": "/a", "XDG_CACHE_HOME": "/b"}, "/a"),
        ({"XDG_CACHE_HOME": "/b"}, "/b/femb"),
        ({"HOME": "/c"}, "/c/.cache/femb"),
    ],
)
def test_the_cache_is_where_the_environment_says(monkeypatch, environment, expected):
    for name in ("FEMB_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == Path(expected)


def test_a_directory_that_is_there_has_not_vanished(tmp_path):
    error = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    assert cannot_write(tmp_path / "file", error).hint is None
    assert "has vanished" in cannot_write(tmp_path / "gone" / "file", error).hint


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"its name must end in .csv or .json"):
        check_output_file(tmp_path / "t.txt", overwrite=False)


def test_an_existing_file_is_refused(tmp_path):
    (tmp_path / "t.csv").touch()
    with pytest.raises(FembError, match="exists already"):
        check_output_file(tmp_path / "t.csv", overwrite=False)
    check_output_file(tmp_path / "t.csv", overwrite=True)
