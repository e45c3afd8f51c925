"""A directory under construction: the files in its journal survive an interruption, all others are removed."""

import contextlib
import json
import logging
import os
import signal
from itertools import accumulate
from multiprocessing import get_context
from pathlib import Path

import pytest
from pictures import tree

from femb_cli.data.conversion.journal import JOURNAL_FILE, UnfinishedDirectory
from femb_cli.errors import FembError

JOB = {"source": "faces.zip", "changed": [10, 20], "limit": None}


def work(target: Path, steps: list[int], ending: type[BaseException] | None = None, job: dict | None = JOB) -> None:
    """Write and note some files; then publish them, or be interrupted."""
    with UnfinishedDirectory(target, job) as unfinished:
        for step in steps:
            (unfinished.directory / f"{step}.txt").write_text(str(step))
            unfinished.note({"step": step})
        if ending is not None:
            raise ending
        unfinished.publish(unfinished.directory)


def interrupted(target: Path, steps: list[int], job: dict | None = JOB) -> Path:
    """Be interrupted after some steps; return the journal."""
    with pytest.raises(KeyboardInterrupt):
        work(target, steps, KeyboardInterrupt, job)
    return target.with_name(f".{target.name}.unfinished") / JOURNAL_FILE


def notes_of(target: Path, job: dict | None = JOB) -> list[dict]:
    """Return the notes that the next work with a description finds; the journal stays as it is."""
    with contextlib.suppress(KeyboardInterrupt), UnfinishedDirectory(target, job) as unfinished:
        found = list(unfinished.notes)
        raise KeyboardInterrupt
    return found


def in_another_process(function, *arguments) -> int:
    """Run a function in a fork; return the process's exit code, negative if a signal ended it."""
    process = get_context("fork").Process(target=function, args=arguments)
    process.start()
    process.join(30)
    return process.exitcode


def test_other_work_starts_over_and_says_so(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("femb"), "propagate", True)
    caplog.set_level(logging.INFO, "femb")
    interrupted(tmp_path / "set", [1, 2])
    assert notes_of(tmp_path / "set", JOB | {"limit": 5}) == []
    assert "starting over" in caplog.text


def test_what_is_published_is_all_that_is_left(tmp_path):
    work(tmp_path / "set", [1, 2])
    assert tree(tmp_path) == {"set/1.txt": b"1", "set/2.txt": b"2"}


def test_an_inner_folder_may_be_published_alone(tmp_path):
    with UnfinishedDirectory(tmp_path / "set", JOB) as unfinished:
        (unfinished.directory / "scratch.txt").write_text("")
        (unfinished.directory / "final").mkdir()
        (unfinished.directory / "final" / "kept.txt").write_text("kept")
        unfinished.publish(unfinished.directory / "final")
    assert tree(tmp_path) == {"set/kept.txt": b"kept"}
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_publishing_replaces_what_is_there(tmp_path):
    work(tmp_path / "set", [1, 2])
    work(tmp_path / "set", [3])
    assert tree(tmp_path) == {"set/3.txt": b"3"}


def test_the_folders_above_the_target_are_made(tmp_path):
    work(tmp_path / "deep" / "down" / "set", [1])
    assert tree(tmp_path) == {"deep/down/set/1.txt": b"1"}


@pytest.mark.parametrize("ending", [ValueError, KeyboardInterrupt, FembError])
def test_an_error_before_the_first_note_leaves_nothing(tmp_path, ending):
    with pytest.raises(ending), UnfinishedDirectory(tmp_path / "set", JOB) as unfinished:
        (unfinished.directory / "begun.txt").write_text("")
        raise ending("x")
    assert list(tmp_path.iterdir()) == []


def test_a_work_without_a_description_leaves_nothing_and_never_resumes(tmp_path):
    interrupted(tmp_path / "set", [1, 2], job=None)
    assert list(tmp_path.iterdir()) == []
    interrupted(tmp_path / "set", [1, 2])
    assert notes_of(tmp_path / "set", None) == []


def test_the_same_work_goes_on(tmp_path):
    interrupted(tmp_path / "set", [1, 2])
    assert notes_of(tmp_path / "set") == [{"step": 1}, {"step": 2}]
    work(tmp_path / "set", [3])
    assert tree(tmp_path) == {"set/1.txt": b"1", "set/2.txt": b"2", "set/3.txt": b"3"}


def test_notes_of_several_interruptions_add_up(tmp_path):
    for step in range(3):
        interrupted(tmp_path / "set", [step])
    assert notes_of(tmp_path / "set") == [{"step": 0}, {"step": 1}, {"step": 2}]


@pytest.mark.parametrize("other", [JOB | {"limit": 3}, JOB | {"changed": [10, 21]}, {**JOB, "new": 1}, {}])
def test_another_work_starts_again(tmp_path, other):
    interrupted(tmp_path / "set", [1, 2])
    assert notes_of(tmp_path / "set", other) == []


def test_a_description_may_hold_what_json_spells_otherwise(tmp_path):
    job = {"pair": (1, 2), "name": "zoë", 3: None}
    interrupted(tmp_path / "set", [1], job)
    assert notes_of(tmp_path / "set", job) == [{"step": 1}]


def test_a_kill_leaves_the_notes(tmp_path):
    def be_killed() -> None:
        with UnfinishedDirectory(tmp_path / "set", JOB) as unfinished:
            unfinished.note({"step": 1})
            (unfinished.directory / "2.txt").write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)

    assert in_another_process(be_killed) == -signal.SIGKILL
    assert notes_of(tmp_path / "set") == [{"step": 1}]


def test_an_incomplete_last_line_is_ignored(tmp_path):
    journal = interrupted(tmp_path / "set", [1, 2, 30])
    whole = journal.read_text()
    ends = [len(line) - 1 for line in accumulate(whole.splitlines(keepends=True))]
    for length in range(len(whole)):
        journal.parent.mkdir(exist_ok=True)
        journal.write_text(whole[:length])
        num_notes = max(0, sum(end <= length for end in ends) - 1)
        assert notes_of(tmp_path / "set") == [{"step": step} for step in (1, 2, 30)][:num_notes], length


def test_a_resumed_work_writes_after_the_last_complete_note(tmp_path):
    journal = interrupted(tmp_path / "set", [1, 2])
    journal.write_text(journal.read_text()[:-4])
    interrupted(tmp_path / "set", [5])
    assert [json.loads(line) for line in journal.read_text().splitlines()] == [JOB, {"step": 1}, {"step": 5}]


@pytest.mark.parametrize("content", [b"\xff\xfe\0\0", b"[]\n", b"3\n", b"\n\n", b"{}\n{}\n", b"\x80" * 5000])
def test_an_invalid_journal_starts_the_work_again(tmp_path, content):
    journal = interrupted(tmp_path / "set", [1])
    journal.write_bytes(content)
    assert notes_of(tmp_path / "set") == []


def test_a_second_process_is_refused_while_the_first_writes(tmp_path):
    def try_it_too() -> None:
        with pytest.raises(FembError, match="another process is writing .*set") as caught:
            work(tmp_path / "set", [9])
        assert "wait" in caught.value.hint

    with UnfinishedDirectory(tmp_path / "set", JOB) as unfinished:
        unfinished.note({"step": 1})
        assert in_another_process(try_it_too) == 0
        unfinished.note({"step": 2})
        assert unfinished.notes == [{"step": 1}, {"step": 2}]
        unfinished.publish(unfinished.directory)


def test_clearing_keeps_what_is_named_and_the_journal(tmp_path):
    with UnfinishedDirectory(tmp_path / "set", JOB) as unfinished:
        for name in ("data/a", "data/b", "final/c/d", "e"):
            (unfinished.directory / name).parent.mkdir(parents=True, exist_ok=True)
            (unfinished.directory / name).write_text("")
        unfinished.clear(keep={unfinished.directory / "data/a"})
        assert set(tree(unfinished.directory)) == {"data/a", JOURNAL_FILE}
        assert not (unfinished.directory / "final").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / ".set.unfinished").write_text("a file in the way")
    with pytest.raises(FembError, match=r"cannot write to .*\.set\.unfinished"):
        work(tmp_path / "set", [1])


def test_a_directory_that_cannot_be_published_stays_resumable(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("femb_cli.data.conversion.journal.publish", refuse)
        with pytest.raises(FembError, match=r"cannot write to .*unfinished.*No space left"):
            work(tmp_path / "set", [1, 2])
    assert notes_of(tmp_path / "set") == [{"step": 1}, {"step": 2}]
    work(tmp_path / "set", [])
    assert tree(tmp_path) == {"set/1.txt": b"1", "set/2.txt": b"2"}
