"""A directory under construction, with a journal, so that interrupted work resumes where it stopped."""

import json
import logging
import os
import shutil
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from femb_cli.errors import FembError
from femb_cli.files import cannot_write, is_only_writer, lock, make_parent, publish, remove, sync_tree

logger = logging.getLogger("femb")

JOURNAL_FILE = "journal.jsonl"


def remove_published(target: Path) -> None:
    """Remove what a kill right after publishing a directory in `.NAME.unfinished` left there: it has no journal."""
    unfinished = _unfinished(target)
    with suppress(OSError):
        descriptor = os.open(unfinished, os.O_RDONLY)
        try:
            has_journal = (unfinished / JOURNAL_FILE).exists()
            if os.path.lexists(target) and not has_journal and is_only_writer(descriptor):
                remove(unfinished)
        finally:
            os.close(descriptor)


def _unfinished(target: Path) -> Path:
    return target.with_name(f".{target.name}.unfinished")


class UnfinishedDirectory:
    """A context manager over the directory `.NAME.unfinished` beside the target.

    On success, `publish` renames the directory to the target. After an error or a kill it stays, if the journal has
    an entry, and the next work with the same description resumes from there. Otherwise it is removed. Only one
    process can write to it at a time; the lock ends with the process.

    Args:
        target: The directory to create.
        job: A description of the work, as JSON values. Work resumes only if the descriptions are equal. With None it
            never resumes.

    Attributes:
        directory: Where to write.
        notes: The entries of the journal, in order: those of the interrupted work, then those of this one.

    Raises:
        FembError: On entering, if the directory cannot be created or another process writes there; on leaving, in
            place of an `OSError`.
    """

    def __init__(self, target: Path, job: dict[str, Any] | None = None) -> None:
        self.target = target
        self.directory = _unfinished(target)
        self._job = job
        self.notes: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        make_parent(self.directory)
        with ExitStack() as opened:
            try:
                self.directory.mkdir(exist_ok=True)
                self._journal = (self.directory / JOURNAL_FILE).open("a+", encoding="utf-8", errors="replace")
                opened.callback(self._close_journal)
                lock(self._journal.fileno(), self.target)
                descriptor = os.open(self.directory, os.O_RDONLY)
                opened.callback(os.close, descriptor)
                is_only_writer(descriptor)
                self.notes = self._read_notes()
                self._write_notes()
            except OSError as error:
                raise self._write_error(error) from error
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close_journal()
        if kind is None or not self.notes or self._job is None:
            shutil.rmtree(self.directory, ignore_errors=True)
        self._opened.close()
        if isinstance(error, OSError):
            raise self._write_error(error) from error

    def note(self, entry: dict[str, Any]) -> None:
        """Add an entry to the journal; call it only when the files that the entry describes are on the disk."""
        self.notes.append(entry)
        self._journal.write(json.dumps(entry) + "\n")
        self._sync()

    def publish(self, content: Path) -> None:
        """Rename `content`, this directory or one in it, to the target; an existing target is replaced.

        The journal is removed last, so that the work survives a kill while the files are brought to the disk.
        """
        sync_tree(content)
        (self.directory / JOURNAL_FILE).unlink(missing_ok=True)
        try:
            publish(content, self.target)
        except OSError:
            with suppress(OSError):
                self._journal = (self.directory / JOURNAL_FILE).open("a+", encoding="utf-8")
                self._write_notes()
            raise

    def clear(self, keep: set[Path]) -> None:
        """Remove all files except those to keep and the journal."""
        keep = keep | {self.directory / JOURNAL_FILE}
        for path in sorted(self.directory.rglob("*"), reverse=True):
            if path.is_dir() and not any(path in kept.parents for kept in keep):
                path.rmdir()
            elif not path.is_dir() and path not in keep:
                path.unlink()

    def _close_journal(self) -> None:
        with suppress(OSError):  # a full disk refuses the rest of the buffer
            self._journal.close()

    def _write_error(self, error: OSError) -> FembError:
        hint = cannot_write(self.directory, error).hint or "is the disk full or write-protected?"
        return FembError(f"cannot write to {self.directory}: {error}", hint=hint)

    def _read_notes(self) -> list[dict[str, Any]]:
        """Read the entries of interrupted work with the same description, up to the first incomplete line."""
        self._journal.seek(0)
        lines = []
        for line in self._journal:
            try:
                lines.append(json.loads(line))
            except ValueError:
                break
        is_same = self._job is not None and lines[:1] == [json.loads(json.dumps(self._job))]
        if len(lines) > 1 and not is_same:
            logger.info(f"starting over: {self.directory} is of other images, another selection or other options")
        return lines[1:] if is_same else []

    def _write_notes(self) -> None:
        self._journal.seek(0)
        self._journal.truncate()
        self._journal.writelines(json.dumps(line) + "\n" for line in [self._job, *self.notes])
        self._sync()

    def _sync(self) -> None:
        self._journal.flush()
        os.fsync(self._journal.fileno())
