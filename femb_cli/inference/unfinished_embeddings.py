"""The unfinished output of a long embedding, which an interrupted `femb embed` continues with `--resume`.

Beside the output `faces.npy` there are `faces.npy.part`, an array with room for all images, and `faces.npy.part.json`,
a note of what is done. The note is written after the embeddings that it counts are on the disk, and it is removed last.
Before the output is published, the note says so, with the checksum of a file that is not the array itself: so a resumed
call knows the output of this one from a file of somebody else.

Shape suffixes: N images, D embedding dimension.
"""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
import xxhash
from numpy.typing import NDArray

from femb_cli.data.source import ComputedNames, ImageSource
from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings import npy
from femb_cli.evaluation.embeddings.description import Description
from femb_cli.evaluation.embeddings.formats import format_to_write, is_npy, names_path
from femb_cli.evaluation.embeddings.names import name_lines, names_digest
from femb_cli.evaluation.embeddings.outputs import check_replaceable, note_path, part_path
from femb_cli.evaluation.embeddings.read import read_description
from femb_cli.files import (
    cannot_write,
    file_sha256,
    make_parent,
    new_file,
    refuse_existing,
    remove_leftovers,
    sync,
    write_errors,
)
from femb_cli.inference.describe import columns_of, describe
from femb_cli.inference.embed import Embeddings, UnreadableImage
from femb_cli.inference.embedder import Embedder
from femb_cli.inference.part_file import PartFile, is_part_file, refuse_second_writer
from femb_cli.inference.unfinished_note import EmbeddingJob, Note, check_same_job, damaged, read_note
from femb_cli.runtime.ranks import is_main_process


class Opened(NamedTuple):
    """Where an embedding starts.

    Attributes:
        num_done: number of images that are embedded or failed.
        num_to_compare: number of images whose bytes `compare` has to see.
    """

    num_done: int
    num_to_compare: int


class UnfinishedEmbeddings:
    """The unfinished output of one embedding; the main process uses it as a context, and only that process opens it.

    When the context ends, what is done stays for `--resume`; without a finished image nothing stays.

    Args:
        out: the output.
        embedder: the model.
        source: the source of the images.
        flip: whether the embeddings of the mirror images are added.
    """

    def __init__(self, out: Path, embedder: Embedder, source: ImageSource, *, flip: bool) -> None:
        self._out, self._embedder, self._source, self._flip = out, embedder, source, flip
        self._note_file = note_path(out)
        self._part: PartFile | None = None
        self._images_hash, self._num_compared = xxhash.xxh3_128(), 0
        self._is_new = self._is_published = False

    def __enter__(self) -> "UnfinishedEmbeddings":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._part is None:
            return
        try:
            if self._is_new and not self._note.done:
                self._abandon(self._part)
        finally:
            self._part.close()

    def open(self, *, resume: bool, overwrite: bool) -> Opened:
        """Start a new output, or continue the one that is there.

        Args:
            resume: continue what is there, if anything is.
            overwrite: replace outputs that exist, and start over if not `resume`.

        Raises:
            FembError: another process writes this output; an output exists; there is an unfinished output that is not
                to be continued, is damaged, or belongs to other images, another model or other options; or the disk has
                not enough space.
        """
        job = EmbeddingJob.of(self._embedder, self._source, flip=self._flip)
        make_parent(self._out)
        _refuse_foreign(self._out)
        with write_errors(self._out):
            self._part = PartFile(part_path(self._out), self._out, job.embedding_dim)
        note, may_overwrite = _note_to_continue(self._out, resume=resume, overwrite=overwrite)
        if note is None:
            self._note = Note(job, 0, [], [], "", "", may_overwrite)
            self._start(self._part)
            return Opened(0, 0)
        check_same_job(self._note_file, note, job)
        self._note = replace(note, overwrite=may_overwrite)
        self._check_rows(self._part)
        return Opened(note.done, 0 if self._is_published else note.done)

    def compare(self, digests: bytes) -> None:
        """Compare the images that are done with those that an interrupted call embedded.

        Args:
            digests: checksums of the next images, in their order.

        Raises:
            FembError: these were the last ones, and an image has changed.
        """
        self._images_hash.update(digests)
        self._num_compared += len(digests) // 16
        if self._num_compared == self._note.done and self._images_hash.hexdigest() != self._note.images:
            raise FembError(
                f"{self._note_file} belongs to another embedding: images that are done have changed since",
                hint=f"start over with --overwrite instead of --resume, or remove {self._note_file}",
            )

    def add(self, chunk: Embeddings, *, num_done: int) -> None:
        """Add the embeddings of the next images, so that a killed process can be resumed.

        Args:
            chunk: the embeddings.
            num_done: number of images of the source that are done, including this chunk.

        Raises:
            FembError: they cannot be written; what was added before stays.
        """
        assert self._part is not None
        note = self._note
        with self._keeping_what_is_done():
            self._part.write(chunk.rows_ND, first=note.num_rows)
            self._images_hash.update(chunk.digests)
            note = replace(
                note,
                done=num_done,
                good=_extended(note.good, chunk.indices_N),
                failed=[*note.failed, *chunk.failed],
                images=self._images_hash.hexdigest(),
                rows=self._part.rows_hash.hexdigest(),
            )
            note.write(self._note_file)
        self._note = note

    def finish(self) -> tuple[NDArray[np.int64], list[tuple[str, str]]]:
        """Publish the output with its names, and remove the unfinished files.

        Returns:
            The index of each embedded image, int64 (N,), and name and problem of each image that could not be read.

        Raises:
            FembError: no image could be read, or the output cannot be written; what is done stays.
        """
        assert self._part is not None
        if not self._note.good:
            self._abandon(self._part)
            raise FembError(f"none of the {len(self._source)} images in {self._source.path} could be read")
        indices_N = _indices(self._note)
        names = _names(self._source, indices_N)
        with self._keeping_what_is_done():
            if not self._is_published:
                self._publish(self._part, indices_N, names)
            elif is_npy(self._out):
                self._refuse_other_names(names)
                self._write_names(names)
            # The note goes last: until then a resumed call knows what the other files are.
            self._part.remove()
            remove_leftovers(self._note_file)
            self._note_file.unlink(missing_ok=True)
        return indices_N, self._note.failed

    def _start(self, part: PartFile) -> None:
        """Reserve the space of all embeddings."""
        self._is_new = True
        with write_errors(self._out):
            self._note_file.unlink(missing_ok=True)
            part.start(self._note.job.num_images)

    def _check_rows(self, part: PartFile) -> None:
        """Check that the array holds what the note counts, or has become the output already."""
        note = self._note
        all_done = note.done == note.job.num_images
        self._is_published = all_done and self._is_output_of(note, part)
        if self._is_published:
            return
        if not part.num_bytes:
            raise _without_array(self._out)
        if not part.holds(note.num_rows, of=note.job.num_images, digest=note.rows, all_done=all_done):
            reason = f"it does not hold the {note.num_rows:,} embeddings that {self._note_file} counts"
            raise damaged(part.path, reason, remove=f"{self._note_file} and {part.path}")

    def _is_output_of(self, note: Note, part: PartFile) -> bool:
        """Whether the output exists and is the one that the note is about."""
        if not is_npy(self._out):
            return _has_published(self._out, note)
        if part.num_bytes or not note.publishing or not note.good:
            return False
        try:
            found = read_description(self._out)
        except FembError:
            return False
        expected = self._describe(_names(self._source, _indices(note)))
        if found is None:
            return False
        any_of: dict[str, Any] = {
            "femb_version": found.femb_version,
            "model": found.model,
            "fingerprint": found.fingerprint,
        }
        return found == replace(expected, **any_of)

    def _publish(self, part: PartFile, indices_N: NDArray[np.int64], names: Sequence[str]) -> None:
        if not self._note.overwrite:
            check_replaceable(self._out, overwrite=False)
        description = self._describe(names)
        if (write := format_to_write(self._out).write) is None:
            self._write_note(publishing=True)
            part.complete(len(names), npy.description_to_bytes(description))
            self._write_names(names, before_rename=lambda: part.rename(self._out))
            return
        part.complete(len(names), npy.description_to_bytes(description))
        with new_file(self._out, overwrite=True) as aside:
            rows_ND = np.load(part.path, mmap_mode="r")
            write(aside, rows_ND, names, description, columns_of(self._source, indices_N, rows_ND))
            self._write_note(published=file_sha256(aside))

    def _write_note(self, **changes: Any) -> None:
        self._note = replace(self._note, **changes)
        self._note.write(self._note_file)

    def _refuse_other_names(self, names: Sequence[str]) -> None:
        """Refuse to replace a file of names that is neither this embedding's nor one that may be replaced."""
        path = names_path(self._out)
        if not self._note.overwrite and path.exists() and path.read_bytes() != b"".join(name_lines(names)):
            refuse_existing(path, overwrite=False)

    def _write_names(self, names: Sequence[str], before_rename: Callable[[], None] = lambda: None) -> None:
        """Write the file of names."""
        with new_file(names_path(self._out), overwrite=True) as aside:
            with aside.open("wb") as file:
                file.writelines(name_lines(names))
            sync(aside)
            before_rename()

    def _describe(self, names: Sequence[str]) -> Description:
        return describe(
            self._embedder,
            weights=self._note.job.weights,
            flip=self._flip,
            alignment=self._note.job.alignment,
            num_rows=len(names),
            names=names_digest(name_lines(names)),
        )

    def _abandon(self, part: PartFile) -> None:
        """Remove the unfinished files of an embedding without an image."""
        with write_errors(self._out):
            self._note_file.unlink(missing_ok=True)
            remove_leftovers(self._note_file)
            part.remove()

    @contextmanager
    def _keeping_what_is_done(self) -> Iterator[None]:
        """Turn an error of writing into one that says what is kept, and how to go on."""
        try:
            yield
        except OSError as error:
            raise with_kept(cannot_write(self._out, error), self._out, self._note.done, len(self._source)) from error
        except FembError as error:
            raise with_kept(error, self._out, self._note.done, len(self._source)) from error


def check_output(out: Path, *, resume: bool, overwrite: bool) -> None:
    """Check, before anything is loaded, that an embedding may write an output; `open` checks it again.

    Raises:
        FembError: as `UnfinishedEmbeddings.open`.
    """
    format_to_write(out)
    _refuse_foreign(out)
    if is_main_process():  # the processes of a launcher would refuse each other
        refuse_second_writer(part_path(out), out)
    _note_to_continue(out, resume=resume, overwrite=overwrite)


def unfinished_note(out: Path) -> Note | None:
    """Return the note of an unfinished output; None if there is none, or if it is damaged."""
    try:
        return read_note(note_path(out))
    except FembError:
        return None


def with_kept(error: FembError, out: Path, num_done: int, total: int) -> FembError:
    """Return an error of an embedding that says what is kept, and how to go on; without a finished image, the error."""
    if not num_done:
        return error
    options = "--resume --skip-bad continues without it" if isinstance(error, UnreadableImage) else "--resume continues"
    kept = f"{options}: {part_path(out)} keeps {num_done:,} of {total:,} images"
    own = "" if isinstance(error, UnreadableImage) or not error.hint else f"{error.hint}; "
    return FembError(error.message, hint=own + kept)


def _note_to_continue(out: Path, *, resume: bool, overwrite: bool) -> tuple[Note | None, bool]:
    """Decide whether to continue an unfinished output.

    Returns:
        Its note, or None to start anew; and whether outputs that exist may be replaced.

    Raises:
        FembError: an output exists, or an unfinished output that is damaged or not to be continued.
    """
    try:
        note = read_note(note_path(out))
    except FembError:
        if resume or not overwrite:
            raise
        note = None
    if note is not None and not note.done:
        note = None
    has_published = note is not None and _has_published(out, note)
    if note is not None and not resume and not overwrite:
        if not has_published and not _has_array(out):
            raise _without_array(out)
        raise FembError(
            f"{part_path(out)} holds {note.done:,} of {note.job.num_images:,} embeddings of an interrupted call",
            hint="--resume continues; --overwrite starts over",
        )
    may_overwrite = overwrite or (note is not None and note.overwrite)
    if not has_published:
        check_replaceable(out, overwrite=may_overwrite)
    return (note if resume else None), may_overwrite


def _has_published(out: Path, note: Note) -> bool:
    """Whether the output is that of this note; a `.npy` file is the array under its final name, as `open` checks."""
    if is_npy(out):
        return note.publishing and not _has_array(out)
    return bool(note.published) and out.is_file() and file_sha256(out) == note.published


def _has_array(out: Path) -> bool:
    """Whether there is an array that is not empty."""
    part = part_path(out)
    return part.exists() and part.stat().st_size > 0


def _without_array(out: Path) -> FembError:
    """Return the error for a note whose array is missing."""
    return damaged(part_path(out), "it is missing or empty", remove=str(note_path(out)))


def _refuse_foreign(out: Path) -> None:
    """Refuse to take over files that have the names of the unfinished files, but are somebody else's.

    Raises:
        FembError: one of them is not a file, or the array has no note and is none that a killed call may have left.
    """
    part, note = part_path(out), note_path(out)
    with write_errors(out):
        foreign = [path for path in (part, note) if os.path.lexists(path) and not stat.S_ISREG(path.lstat().st_mode)]
        if not foreign and part.exists() and not note.exists() and not is_part_file(part):
            foreign = [part]
    if foreign:
        raise FembError(
            f"{foreign[0]} exists and is not an unfinished output of femb",
            hint=f"remove or rename it, or choose another -o: femb needs this name while it writes {out}",
        )


def _indices(note: Note) -> NDArray[np.int64]:
    """Return the index of each embedded image."""
    return np.concatenate([np.arange(first, end) for first, end in note.good])


def _names(source: ImageSource, indices_N: NDArray[np.int64]) -> Sequence[str]:
    """Return the names of some images, looked up when they are used."""
    return ComputedNames(len(indices_N), lambda row: source.names[int(indices_N[row])])


def _extended(ranges: list[tuple[int, int]], indices_N: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Add ascending indices behind ranges [first, end)."""
    gaps_G = np.flatnonzero(np.diff(indices_N) != 1) + 1
    new = [(int(run[0]), int(run[-1]) + 1) for run in np.split(indices_N, gaps_G) if len(run)]
    if ranges and new and ranges[-1][1] == new[0][0]:
        return [*ranges[:-1], (ranges[-1][0], new[0][1]), *new[1:]]
    return [*ranges, *new]
