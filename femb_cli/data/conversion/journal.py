"""A folder that is written aside and survives a kill: what its journal lists is whole, the rest is written again."""

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from femb_cli.errors import FembError
from femb_cli.files import make_parent, publish

JOURNAL_FILE = "journal.jsonl"


class UnfinishedFolder:
    """A context manager over the folder `.NAME.unfinished` beside the target.

    On leaving it the folder is gone: it has become the target (`publish`), or is removed. It stays where an error or
    a kill ends the work after something was noted in the journal, for the next work of the same description.

    Args:
        target: What the folder is to become.
        job: A description of the work, plain values: notes of any other work are not gone on from. None: never.

    Attributes:
        folder: Where to write.
        notes: Of an earlier, interrupted work of the same description, in order; and of this one.

    Raises:
        FembError: On entering, if the folder cannot be made, or another process is writing there; on leaving, in place
            of an error of the system's.
    """

    def __init__(self, target: Path, job: dict[str, Any] | None = None) -> None:
        self.target = target
        self.folder = target.with_name(f".{target.name}.unfinished")
        self._job = job
        self.notes: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        make_parent(self.folder)
        try:
            self.folder.mkdir(exist_ok=True)
            self._journal = (self.folder / JOURNAL_FILE).open("a+", encoding="utf-8", errors="replace")
            self._lock()
            self.notes = self._read_notes()
            self._write_notes()
        except OSError as error:
            raise self._refusal(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._journal.close()
        if kind is None or not self.notes or self._job is None:
            shutil.rmtree(self.folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise self._refusal(error) from error

    def note(self, entry: dict[str, Any]) -> None:
        """Add to the journal, once what the entry speaks of is safely on the disk."""
        self.notes.append(entry)
        self._journal.write(json.dumps(entry) + "\n")
        self._sync()

    def publish(self, content: Path) -> None:
        """Give `content`, the folder or one in it, the target's name; a target that is there already is replaced."""
        self._journal.close()
        (self.folder / JOURNAL_FILE).unlink(missing_ok=True)
        publish(content, self.target)

    def clear(self, keep: set[Path]) -> None:
        """Remove every file but some and the journal."""
        keep = keep | {self.folder / JOURNAL_FILE}
        for path in sorted(self.folder.rglob("*"), reverse=True):
            if path.is_dir() and not any(path in kept.parents for kept in keep):
                path.rmdir()
            elif not path.is_dir() and path not in keep:
                path.unlink()

    def _refusal(self, error: OSError) -> FembError:
        return FembError(f"cannot write to {self.folder}: {error}", hint="is the disk full, or not to be written to?")

    def _lock(self) -> None:
        """Refuse a second process; the system lifts the lock whatever ends the first."""
        try:
            import fcntl
        except ImportError:  # Windows, where a file that is open cannot be removed anyway
            return
        try:
            fcntl.flock(self._journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._journal.close()
            raise FembError(
                f"another process is writing {self.target}", hint="wait for it, or choose another name"
            ) from error

    def _read_notes(self) -> list[dict[str, Any]]:
        """Read the notes of the same work, as far as they are whole."""
        self._journal.seek(0)
        lines = []
        for line in self._journal:
            try:
                lines.append(json.loads(line))
            except ValueError:
                break
        is_same = self._job is not None and lines[:1] == [json.loads(json.dumps(self._job))]
        return lines[1:] if is_same else []

    def _write_notes(self) -> None:
        self._journal.seek(0)
        self._journal.truncate()
        self._journal.writelines(json.dumps(line) + "\n" for line in [self._job, *self.notes])
        self._sync()

    def _sync(self) -> None:
        self._journal.flush()
        os.fsync(self._journal.fileno())
