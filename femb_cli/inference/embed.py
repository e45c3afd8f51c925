"""Embedding a whole source of images, on one process or several, into memory or into a file."""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from accelerate import PartialState
from accelerate.utils import gather_object
from numpy.typing import NDArray

from femb_cli.data.images.decode import ALIGNED_SIZE, decode_image
from femb_cli.data.source import ImageSource
from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings_file import names_path
from femb_cli.files import new_file, refuse_existing
from femb_cli.inference.embedder import Embedder
from femb_cli.progress import Progress

CHUNK = 4096
"""Images between two saves of a long embedding."""


@dataclass(frozen=True)
class Embeddings:
    """What `embed_source` gives: the embeddings of the images that could be read, in their order.

    Attributes:
        rows_ND: raw embeddings, float32.
        indices_N: which images of the source they are.
        failed: name and reason of the images that could not be read.
    """

    rows_ND: NDArray[np.float32]
    indices_N: NDArray[np.int64]
    failed: list[tuple[str, str]]


def embed_source(
    embedder: Embedder,
    source: ImageSource,
    indices_N: Sequence[int] | NDArray[np.int64] | None = None,
    *,
    batch_size: int = 64,
    flip: bool = False,
    skip_bad: bool = False,
    progress: Progress | None = None,
) -> Embeddings:
    """Embed images of a source; with several processes, each does its share and all get the whole.

    Args:
        embedder: the network.
        source: where the images are.
        indices_N: which images, in which order; None for all.
        batch_size: images at a time and process.
        flip: add the embeddings of the mirror images.
        skip_bad: leave out unreadable images instead of failing.
        progress: called with the number of images done and in all.

    Raises:
        FembError: an image cannot be read and `skip_bad` is false.
    """
    wanted_N = np.arange(len(source)) if indices_N is None else np.asarray(indices_N, dtype=np.int64)
    state = PartialState(cpu=embedder.device.type == "cpu")
    rows: list[NDArray[np.float32]] = []
    done: list[int] = []
    failed: list[tuple[int, str]] = []
    positions = range(state.process_index, len(wanted_N), state.num_processes)
    for batch in _batches(
        source, wanted_N, positions, max(ALIGNED_SIZE, embedder.preprocessing.input_size), batch_size
    ):
        failed += [(position, reason) for position, reason in batch if isinstance(reason, str)]
        if failed and not skip_bad:
            break
        good = [(position, pixels) for position, pixels in batch if not isinstance(pixels, str)]
        if good:
            rows.append(embedder(np.stack([pixels for _, pixels in good]), flip=flip))
            done += [position for position, _ in good]
        if progress is not None:
            progress(min(len(wanted_N), (len(done) + len(failed)) * state.num_processes), len(wanted_N))
    shares = [(done, _concatenate(rows, embedder.embedding_dim), failed)]
    return _assemble(gather_object(shares) if state.num_processes > 1 else shares, source, wanted_N, skip_bad)


def write_embeddings(
    embedder: Embedder,
    source: ImageSource,
    out: Path,
    *,
    batch_size: int = 64,
    flip: bool = False,
    skip_bad: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Embeddings:
    """Embed a source into `out` (float32 .npy) and its names into a text file beside it, one a line.

    A long embedding is saved as it goes. Interrupted, it is continued by the same call with `resume`.

    Raises:
        FembError: an output exists, an image cannot be read, or there is nothing that fits to resume.
    """
    refuse_existing(out, overwrite=overwrite)
    refuse_existing(names_path(out), overwrite=overwrite)
    writes = PartialState(cpu=embedder.device.type == "cpu").is_main_process
    part = _Part(
        out,
        writes=writes,
        shape=(len(source), embedder.embedding_dim),
        job={"model": embedder.name, "flip": flip, "names": _digest(source.names)},
        resume=resume,
    )
    try:
        for start in range(part.done, len(source), CHUNK):
            indices_N = np.arange(start, min(start + CHUNK, len(source)))
            report = _shifted(progress, start, len(source))
            part.add(
                embed_source(
                    embedder, source, indices_N, batch_size=batch_size, flip=flip, skip_bad=skip_bad, progress=report
                )
            )
            part.done = int(indices_N[-1]) + 1
            if writes:
                part.save()
    except FembError:
        if writes and not resume:
            part.discard()
        raise
    return part.finish(source)


class _Part:
    """The unfinished output: an array beside the target, and a note of how far it is. One process writes it.

    Attributes:
        done: images of the source that are dealt with.
        good: which of them have a row.
        failed: name and reason of the others.
    """

    def __init__(self, out: Path, *, writes: bool, shape: tuple[int, int], job: dict[str, Any], resume: bool) -> None:
        self.writes = writes
        self.out, self.job = out, {**job, "shape": list(shape)}
        self.array_file = out.with_name(f"{out.name}.part")
        self.note_file = out.with_name(f"{out.name}.part.json")
        note = self._read_note() if resume else {}
        self.done: int = note.get("done", 0)
        self.good: list[int] = note.get("good", [])
        self.failed: list[tuple[str, str]] = [(name, reason) for name, reason in note.get("failed", [])]
        out.parent.mkdir(parents=True, exist_ok=True)
        if writes:
            mode: Literal["r+", "w+"] = "r+" if note else "w+"
            self.array = np.lib.format.open_memmap(self.array_file, mode=mode, dtype=np.float32, shape=shape)

    def add(self, chunk: Embeddings) -> None:
        """Take in a chunk."""
        if self.writes:
            self.array[len(self.good) : len(self.good) + len(chunk.rows_ND)] = chunk.rows_ND
        self.good += chunk.indices_N.tolist()
        self.failed += chunk.failed

    def save(self) -> None:
        """Make sure that a kill loses nothing of what was taken in."""
        self.array.flush()
        note = {"job": self.job, "done": self.done, "good": self.good, "failed": self.failed}
        with new_file(self.note_file, overwrite=True) as aside:
            aside.write_text(json.dumps(note), encoding="utf-8")

    def finish(self, source: ImageSource) -> Embeddings:
        """Put the result in its place."""
        if self.writes:
            if not self.good:
                self.discard()
                raise FembError(f"none of the {len(source)} images in {source.path} could be read")
            with new_file(names_path(self.out), overwrite=True) as aside:
                aside.write_text("".join(f"{source.names[index]}\n" for index in self.good), encoding="utf-8")
            if len(self.good) == len(self.array):
                self.array_file.replace(self.out)
            else:
                with new_file(self.out, overwrite=True) as aside, aside.open("wb") as file:
                    np.save(file, self.array[: len(self.good)])
            self.discard()
        PartialState().wait_for_everyone()
        return Embeddings(np.load(self.out, mmap_mode="r"), np.asarray(self.good), self.failed)

    def discard(self) -> None:
        """Leave nothing unfinished behind."""
        for file in (self.array_file, self.note_file):
            file.unlink(missing_ok=True)

    def _read_note(self) -> dict[str, Any]:
        if not (self.note_file.is_file() and self.array_file.is_file()):
            return {}
        note = json.loads(self.note_file.read_text(encoding="utf-8"))
        if note["job"] != self.job:
            raise FembError(
                f"{self.note_file} is of another embedding (other images, model or options)",
                hint="remove it, or run without --resume to start over",
            )
        return note


def _batches(
    source: ImageSource, wanted_N: NDArray[np.int64], positions: Sequence[int], size: int, batch_size: int
) -> Iterator[list[tuple[int, Any]]]:
    """Batches of (position, pixels or the reason why there are none), decoded in threads one batch ahead."""

    def load(position: int) -> tuple[int, Any]:
        index = int(wanted_N[position])
        try:
            return position, decode_image(source.read(index), size, name=str(source.names[index]))
        except FembError as error:
            return position, error.message

    chunks = [positions[start : start + batch_size] for start in range(0, len(positions), batch_size)]
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        waiting = [pool.submit(load, position) for position in (chunks[0] if chunks else [])]
        for following in [*chunks[1:], []]:
            batch = [future.result() for future in waiting]
            waiting = [pool.submit(load, position) for position in following]
            yield batch


def _assemble(
    shares: list[tuple[list[int], NDArray[np.float32], list[tuple[int, str]]]],
    source: ImageSource,
    wanted_N: NDArray[np.int64],
    skip_bad: bool,
) -> Embeddings:
    failed = sorted((position, reason) for _, _, bad in shares for position, reason in bad)
    if failed and not skip_bad:
        raise FembError(failed[0][1], hint="--skip-bad leaves unreadable images out and lists them")
    positions_N = np.concatenate([np.asarray(done, dtype=np.int64) for done, _, _ in shares])
    order_N = positions_N.argsort()
    rows_ND = np.concatenate([rows for _, rows, _ in shares])[order_N]
    names = [(str(source.names[int(wanted_N[position])]), reason) for position, reason in failed]
    return Embeddings(rows_ND, wanted_N[positions_N[order_N]], names)


def _concatenate(rows: list[NDArray[np.float32]], embedding_dim: int) -> NDArray[np.float32]:
    return np.concatenate(rows) if rows else np.empty((0, embedding_dim), dtype=np.float32)


def _digest(names: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for name in names:
        digest.update(f"{name}\n".encode())
    return digest.hexdigest()


def _shifted(progress: Progress | None, start: int, total: int) -> Progress | None:
    return None if progress is None else lambda done, _: progress(start + done, total)
