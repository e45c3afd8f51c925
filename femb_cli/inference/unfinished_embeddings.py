"""The unfinished output of a long embedding, which an interrupted `femb embed` continues with `--resume`.

Beside the output file `faces.npy` there are `faces.npy.part`, an array with room for all images, and
`faces.npy.part.json`, a list of the images that are done.

Shape suffixes: N images, D embedding dimension.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from femb_cli.data.source import ImageSource
from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings_file import write_names, write_rows
from femb_cli.files import new_file
from femb_cli.inference.embed import Embeddings
from femb_cli.inference.embedder import Embedder


class UnfinishedEmbeddings:
    """The two unfinished files beside an output file; only the main process writes them.

    Attributes:
        num_done: number of images of the source that are embedded or failed.
        embedded: index of each embedded image; its row is its place in this list.
        failed: name and problem of each image that could not be read.
    """

    def __init__(
        self, out: Path, embedder: Embedder, source: ImageSource, *, flip: bool, writes: bool, resume: bool
    ) -> None:
        """Start a new output, or continue the one that is there.

        Args:
            out: the output file.
            embedder: the model.
            source: the source of the images.
            flip: whether the embeddings of mirror images are added.
            writes: whether this process writes the files.
            resume: continue from the files beside `out`, if there are any.

        Raises:
            FembError: these files belong to other images, another model or other options.
        """
        shape_ND = (len(source), embedder.embedding_dim)
        self._out, self._source, self._writes = out, source, writes
        self._job = {
            "model": embedder.name,
            "flip": flip,
            "names": _names_sha256(source.names),
            "shape": list(shape_ND),
        }
        self._array_file = out.with_name(f"{out.name}.part")
        self._progress_file = out.with_name(f"{out.name}.part.json")
        saved = self._read_progress() if resume else {}
        self.num_done: int = saved.get("done", 0)
        self.embedded: list[int] = saved.get("good", [])
        self.failed: list[tuple[str, str]] = [(name, problem) for name, problem in saved.get("failed", [])]
        out.parent.mkdir(parents=True, exist_ok=True)
        if writes:
            mode: Literal["r+", "w+"] = "r+" if saved else "w+"
            self._array = np.lib.format.open_memmap(self._array_file, mode=mode, dtype=np.float32, shape=shape_ND)

    def add(self, chunk: Embeddings, *, num_done: int) -> None:
        """Add the embeddings of the next images and write them to disk, so that a killed process can be resumed.

        Args:
            chunk: the embeddings.
            num_done: number of images of the source that are done, including this chunk.
        """
        if self._writes:
            self._array[len(self.embedded) : len(self.embedded) + len(chunk.rows_ND)] = chunk.rows_ND
        self.embedded += chunk.indices_N.tolist()
        self.failed += chunk.failed
        self.num_done = num_done
        if self._writes:
            self._save()

    def finish(self) -> None:
        """Write the output file and its names, and remove the unfinished files.

        Raises:
            FembError: no image could be read.
        """
        if not self._writes:
            return
        if not self.embedded:
            self.discard()
            raise FembError(f"none of the {len(self._source)} images in {self._source.path} could be read")
        write_names(self._out, (self._source.names[index] for index in self.embedded))
        if len(self.embedded) == len(self._array):
            self._array_file.replace(self._out)
        else:
            write_rows(self._out, self._array[: len(self.embedded)])
        self.discard()

    def discard(self) -> None:
        """Remove the unfinished files."""
        if self._writes:
            for file in (self._array_file, self._progress_file):
                file.unlink(missing_ok=True)

    def _save(self) -> None:
        self._array.flush()
        saved = {"job": self._job, "done": self.num_done, "good": self.embedded, "failed": self.failed}
        with new_file(self._progress_file, overwrite=True) as aside:
            aside.write_text(json.dumps(saved), encoding="utf-8")

    def _read_progress(self) -> dict[str, Any]:
        """Read the progress of an earlier call; empty if there is none."""
        if not (self._progress_file.is_file() and self._array_file.is_file()):
            return {}
        saved = json.loads(self._progress_file.read_text(encoding="utf-8"))
        if saved["job"] != self._job:
            raise FembError(
                f"{self._progress_file} belongs to another embedding (other images, model or options)",
                hint="remove it, or run without --resume to start over",
            )
        return saved


def _names_sha256(names: Sequence[str]) -> str:
    """SHA-256 of the names of all images, in hexadecimal."""
    digest = hashlib.sha256()
    for name in names:
        digest.update(f"{name}\n".encode())
    return digest.hexdigest()
