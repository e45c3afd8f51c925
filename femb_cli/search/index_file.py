"""The file of an index: the codes as plain arrays in safetensors, and a note of the gallery that they belong to.

No file reaches FAISS's own reader. Only the shapes must be checked: what is in arrays of the right shape is harmless.
"""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import xxhash
from numpy.typing import NDArray

from femb_cli.errors import FembError, UsageError
from femb_cli.evaluation.embeddings.read import StoredEmbeddings
from femb_cli.files import exists, new_file
from femb_cli.progress import Progress, Say, silent
from femb_cli.search.codes import GROUP, NUM_TYPICAL, Codes, code_shape, load_faiss
from femb_cli.search.index import Index, build_index

ENDING = ".index"
_HINT = "--overwrite builds it anew"
_WORTHWHILE = 100_000
"""Rows from which many queries at once are faster with an index; a single one is from 10,000 on."""
_ROWS_AT_ONCE = 1 << 12


@dataclass(frozen=True)
class _Note:
    """What stands in the file beside the arrays.

    Attributes:
        format: the version of this format.
        num_rows: number of the gallery's embeddings.
        embedding_dim: numbers of an embedding.
        model: the model of the embeddings, for messages; empty if the gallery does not say.
        checksum: XXH3 (128 bits) of the embeddings in hexadecimal.
        file_state: what the system says about the gallery's file: device, number, size and times of its last changes.
        recall_at_1: see `Index`.
        recall_at_5: see `Index`.
        num_sampled: see `Index`.
    """

    format: int
    num_rows: int
    embedding_dim: int
    model: str
    checksum: str
    file_state: str
    recall_at_1: float
    recall_at_5: float
    num_sampled: int

    @classmethod
    def from_text(cls, text: str) -> "_Note":
        """Read JSON; raise ValueError if it is not a note."""
        try:
            values = json.loads(text)
        except RecursionError as error:
            raise ValueError("its note is nested too deeply") from error
        if not isinstance(values, dict) or values.get("format") != 1:
            raise ValueError("it is no index of this version of femb")
        try:
            note = cls(**{field.name: values[field.name] for field in fields(cls)})
        except KeyError as error:
            raise ValueError(f"its note lacks {error}") from error
        for name, kind in get_type_hints(cls).items():
            if not isinstance(values[name], kind) or isinstance(values[name], bool):
                raise ValueError(f"its note is damaged: {name} {values[name]!r}")
        if not (0 <= note.recall_at_1 <= 1 and 0 <= note.recall_at_5 <= 1):
            raise ValueError(f"its note is damaged: recall {note.recall_at_1} and {note.recall_at_5}")
        return note


def check_index_file(path: Path) -> None:
    """Refuse what cannot work, before anything is computed; embeddings have other endings, so none is replaced.

    Raises:
        UsageError: the name does not end in `.index`.
        FembError: FAISS cannot be imported.
    """
    if path.suffix.lower() != ENDING:
        raise UsageError(f"cannot keep an index in {path}: its name must end in {ENDING}")
    load_faiss()


def write_index(path: Path, index: Index, gallery: StoredEmbeddings, *, overwrite: bool = False) -> None:
    """Write an index of a gallery.

    Raises:
        FembError: the file exists and `overwrite` is false, or it cannot be written.
    """
    from safetensors.numpy import save

    note = _Note(
        format=1,
        num_rows=len(gallery.rows_ND),
        embedding_dim=gallery.rows_ND.shape[1],
        model=_model(gallery),
        checksum=_checksum(gallery),
        file_state=_file_state(gallery.path),
        recall_at_1=index.recall_at_1,
        recall_at_5=index.recall_at_5,
        num_sampled=index.num_sampled,
    )
    arrays: dict[str, NDArray[Any]] = {"typical": index.codes.typical_M16G, "codes": index.codes.codes_NB}
    with new_file(path, overwrite=overwrite) as aside:
        aside.write_bytes(save(arrays, metadata={"index": json.dumps(asdict(note))}))


def read_index(path: Path, gallery: StoredEmbeddings) -> Index:
    """Read the index of a gallery.

    The embeddings are compared with their checksum, unless the system says that their file is the same and unchanged:
    reading all of them can take longer than the search.

    Raises:
        FembError: the file is damaged, or belongs to other embeddings.
    """
    try:
        note, codes = _read(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise FembError(f"cannot read the index {path}: {reason}", hint=_HINT) from error
    theirs = _words(note.num_rows, note.embedding_dim, note.model)
    ours = _words(len(gallery.rows_ND), gallery.rows_ND.shape[1], _model(gallery))
    if theirs != ours:
        raise FembError(f"the index {path} belongs to {theirs}, and {gallery.path} holds {ours}", hint=_HINT)
    if note.file_state != _file_state(gallery.path) and note.checksum != _checksum(gallery):
        raise FembError(
            f"the index {path} belongs to other embeddings than those of {gallery.path}, or these have changed since",
            hint=_HINT,
        )
    return Index(codes, note.recall_at_1, note.recall_at_5, note.num_sampled)


def _read(path: Path) -> tuple[_Note, Codes]:
    """Read and check a file; raise OSError or ValueError if it is not an index."""
    from safetensors import SafetensorError, safe_open

    path.open("rb").close()  # so that the system says why it cannot be opened
    try:
        with safe_open(path, framework="numpy") as file:
            note = _Note.from_text((file.metadata() or {}).get("index", "null"))
            typical_M16G, codes_NB = file.get_tensor("typical"), file.get_tensor("codes")
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    shape = code_shape(note.num_rows, note.embedding_dim)
    if (codes_NB.dtype, codes_NB.shape) != (np.uint8, shape):
        raise ValueError(f"its codes are {codes_NB.dtype} {codes_NB.shape}, not uint8 {shape}")
    shape_of_typical = (2 * shape[1], NUM_TYPICAL, GROUP)
    if (typical_M16G.dtype, typical_M16G.shape) != (np.float32, shape_of_typical) or not (abs(typical_M16G) <= 2).all():
        raise ValueError(f"its typical groups are not float32 {shape_of_typical} of parts of unit rows")
    return note, Codes(typical_M16G, codes_NB)


def _words(num_rows: int, embedding_dim: int, model: str) -> str:
    return f"{num_rows:,} embeddings of {embedding_dim} numbers" + (f" of the model {model}" if model else "")


def _model(gallery: StoredEmbeddings) -> str:
    return gallery.description.model if gallery.description else ""


def _checksum(gallery: StoredEmbeddings) -> str:
    """Return the checksum of the embeddings and their type."""
    digest = xxhash.xxh3_128(gallery.rows_ND.dtype.str.encode())
    for start in range(0, len(gallery.rows_ND), _ROWS_AT_ONCE):
        digest.update(np.ascontiguousarray(gallery.rows_ND[start : start + _ROWS_AT_ONCE]).data)
    return digest.hexdigest()


def _file_state(path: Path) -> str:
    """Return what changes if a file is written, replaced or copied."""
    state = path.stat()
    return f"{state.st_dev} {state.st_ino} {state.st_size} {state.st_mtime_ns} {state.st_ctime_ns}"


def open_index(
    path: Path,
    gallery: StoredEmbeddings,
    *,
    overwrite: bool = False,
    say: Say = silent,
    progress: Progress | None = None,
) -> Index:
    """Read the index of a gallery, or build and write it if there is no file.

    Args:
        path: the file.
        gallery: the gallery.
        overwrite: build it anew.
        say: gets a line if it was built, and one if the gallery is too small to need it.
        progress: see `build_index`.

    Raises:
        FembError: as `read_index`, `build_index` and `write_index`.
    """
    if exists(path) and not overwrite:
        return read_index(path, gallery)
    index = build_index(gallery, progress=progress)
    write_index(path, index, gallery, overwrite=overwrite)
    say(f"wrote {path}, an index of {len(gallery.rows_ND):,} embeddings")
    if len(gallery.rows_ND) < _WORTHWHILE:
        say("a gallery of this size is searched exactly in about the same time, without --index")
    return index
