"""The note beside an unfinished embedding: whose it is, and how far it has come.

Shape suffix: N images.
"""

import json
from dataclasses import asdict, dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from femb_cli.data.source import ImageSource
from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings.names import name_lines, names_digest
from femb_cli.files import write_text
from femb_cli.inference.describe import AS_GIVEN, alignment_of
from femb_cli.inference.embedder import EXACT, Embedder
from femb_cli.inference.model_digest import model_digest

_DIFFERENCES = {
    "weights": "weights or preprocessing of the model differ",
    "embedding_dim": "embedding dimension differs",
    "flip": "flip differs",
    "computation": "computation of the embeddings differs",
    "alignment": "alignment of the faces differs",
    "num_images": "number of images differs",
    "names": "names of the images differ",
    "dtype": "type of the numbers differs",
}


@dataclass(frozen=True)
class EmbeddingJob:
    """What an embedding is made of; it can only be continued with the same, except for the model's name.

    Attributes:
        model: the model's name, for messages: the same weights may have moved to another path.
        weights: checksum of its weights and preprocessing.
        embedding_dim: numbers of an embedding.
        flip: whether the embeddings of the mirror images are added.
        num_images: number of images.
        names: checksum of their names.
        dtype: type of the numbers.
        alignment: how the faces were aligned.
        computation: `exact`, or the precision of the fast way; older notes, which are exact, have no such entry.
    """

    model: str
    weights: str
    embedding_dim: int
    flip: bool
    num_images: int
    names: str
    dtype: str = "float32"
    alignment: str = AS_GIVEN
    computation: str = EXACT

    @classmethod
    def of(cls, embedder: Embedder, source: ImageSource, *, flip: bool) -> "EmbeddingJob":
        """Return the job of a model and its images.

        Raises:
            FembError: a name cannot be written as one line of text.
        """
        return cls(
            model=embedder.name,
            weights=model_digest(embedder),
            embedding_dim=embedder.embedding_dim,
            flip=flip,
            num_images=len(source),
            names=names_digest(name_lines(source.names)),
            alignment=alignment_of(source),
            computation=embedder.computation,
        )


@dataclass(frozen=True)
class Note:
    """The note of an unfinished embedding.

    Attributes:
        job: what is embedded.
        done: number of images that are embedded or failed.
        good: the images that are embedded: ranges [first, end), ascending.
        failed: name and problem of each image that could not be read.
        images: checksum of the bytes of the images that are done, in their order.
        rows: checksum of their embeddings.
        overwrite: whether the embedding may replace outputs that exist.
        publishing: whether its array may have become the output, a `.npy` file.
        published: SHA-256 of the output of another format, which may have got its name; empty before.
    """

    job: EmbeddingJob
    done: int
    good: list[tuple[int, int]]
    failed: list[tuple[str, str]]
    images: str
    rows: str
    overwrite: bool
    publishing: bool = False
    published: str = ""

    @property
    def num_rows(self) -> int:
        """Number of images that are embedded."""
        return sum(end - first for first, end in self.good)

    def write(self, path: Path) -> None:
        """Write the note, and replace an earlier one completely.

        Raises:
            FembError: it cannot be written.
        """
        write_text(path, json.dumps(asdict(self)))


def read_note(path: Path) -> Note | None:
    """Read a note; None if there is none.

    Raises:
        FembError: it is damaged.
    """
    try:
        text = path.read_bytes()
        note = _adapter().validate_json(text, strict=True)
    except FileNotFoundError:
        return None
    except OSError as error:
        if isinstance(error, NotADirectoryError):
            raise FembError(f"{path.parent} is not a directory") from error
        raise FembError(f"cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        where = ".".join(map(str, detail["loc"]))
        raise damaged(path, f"{where}: {detail['msg']}" if where else detail["msg"]) from error
    borders = [0, *(border for pair in note.good for border in pair), note.done]
    if any(first > end for first, end in pairwise(borders)):
        raise damaged(path, f"its embedded images are not all among the {note.done} that are done")
    if note.num_rows + len(note.failed) != note.done:
        raise damaged(path, f"{note.num_rows} embedded and {len(note.failed)} failed images are not {note.done}")
    if note.done > note.job.num_images:
        raise damaged(path, f"{note.done} of {note.job.num_images} images are done")
    return note


@cache
def _adapter() -> TypeAdapter[Note]:
    return TypeAdapter(Note)


def check_same_job(path: Path, note: Note, job: EmbeddingJob) -> None:
    """Refuse to continue an embedding of another model or of other images.

    Raises:
        FembError: something differs; the error says what.
    """
    for field, difference in _DIFFERENCES.items():
        if getattr(note.job, field) != getattr(job, field):
            begun, now = _shown(note.job, field), _shown(job, field)
            values = f": {begun} then, {now} now" if begun != now else ""
            same = "--exact continues it; or " if field == "computation" and note.job.computation == EXACT else ""
            raise FembError(
                f"{path} belongs to another embedding: the {difference}{values}",
                hint=f"{same}start over with --overwrite instead of --resume, or remove {path}",
            )


def _shown(job: EmbeddingJob, field: str) -> str:
    """Return a value of a job for a message; of the weights, which are a checksum, the model's name."""
    if field == "flip":
        return "sum" if job.flip else "none"
    shown = {"weights": job.model, "names": ""}
    return shown[field] if field in shown else str(getattr(job, field))


def damaged(path: Path, reason: str, *, remove: str | None = None) -> FembError:
    """Return the error for an unfinished embedding that cannot be continued.

    Args:
        path: the damaged file.
        reason: what is wrong with it.
        remove: the files to remove for a new start; None for `path`.
    """
    return FembError(
        f"{path} is damaged, so this embedding cannot be continued: {reason}",
        hint=f"start over with --overwrite instead of --resume, or remove {remove or path}",
    )
