"""Embeddings of one network from several places, some of them stored and some embedded on the way."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from femb_cli.checkpoints.runs import newest_finished_run
from femb_cli.data.open import open_sources
from femb_cli.evaluation.embeddings.description import Description
from femb_cli.evaluation.embeddings.read import StoredEmbeddings, read_embeddings
from femb_cli.evaluation.embeddings.recognise import holds_embeddings
from femb_cli.evaluation.embeddings.same_network import compare_origins
from femb_cli.inference.align import Alignment, survey_source
from femb_cli.inference.describe import describe
from femb_cli.inference.embedder import Embedder, load_embedder
from femb_cli.inference.model_digest import model_digest
from femb_cli.inference.read_or_embed import read_or_embed
from femb_cli.progress import Say, ShowProgress, silent


@dataclass(frozen=True)
class EmbeddingSettings:
    """How images are embedded.

    Attributes:
        model: the model; None for that of the stored embeddings, or else the newest finished run.
        flip: add the embeddings of the mirror images; None to do as in the stored embeddings, or else as the model.
        batch_size: images in a batch; None for the embedder's.
        skip_bad: leave out unreadable images instead of failing.
        device: where to compute; None for a GPU if there is one.
        alignment: how the faces of photos are aligned.
    """

    model: Path | None = None
    flip: bool | None = None
    batch_size: int | None = None
    skip_bad: bool = False
    device: str | None = None
    alignment: Alignment = field(default_factory=Alignment)


def read_comparable(
    paths: Sequence[Path], settings: EmbeddingSettings, *, say: Say = silent, warn: Say, show_progress: ShowProgress
) -> list[StoredEmbeddings]:
    """Read or embed each path; a path that is named twice is read once. All images are embedded with one network.

    Args:
        paths: files of embeddings, or images.
        settings: how images are embedded.
        say: called with what is done with photos.
        warn: called with what is wrong with images.
        show_progress: shows the progress of an embedding.

    Raises:
        FembError: a path cannot be read, or the model is not that of the stored embeddings.
    """
    stored, flip, embedder = _open(paths, settings)
    for path in dict.fromkeys(paths):
        if path not in stored:
            stored[path] = read_or_embed(
                path,
                embedder,
                alignment=settings.alignment,
                flip=flip,
                batch_size=settings.batch_size,
                skip_bad=settings.skip_bad,
                say=say,
                warn=warn,
                show_progress=show_progress,
            )
    return [stored[path] for path in paths]


def describe_comparable(paths: Sequence[Path], settings: EmbeddingSettings) -> list[dict[str, Any]]:
    """Describe what `read_comparable` would read and embed; each path once.

    Raises:
        FembError: a path cannot be opened, or the model cannot be loaded or is not that of the stored embeddings.
    """
    stored, _, embedder = _open(paths, settings)
    described = []
    for path in dict.fromkeys(paths):
        if path in stored:
            described.append({"path": str(path), "num_embeddings": len(stored[path].rows_ND)})
            continue
        images, model = open_sources((path,)), embedder()
        survey = survey_source(images, settings.alignment, input_size=model.preprocessing.input_size)
        counts = {"num_images": len(images), "num_photos": survey.num_photos}
        described.append({"path": str(path), **counts, "model": model.name})
    return described


def _open(
    paths: Sequence[Path], settings: EmbeddingSettings
) -> tuple[dict[Path, StoredEmbeddings], bool | None, Callable[[], Embedder]]:
    """Return the stored embeddings, whether mirror images are added, and what loads the model on the first call."""
    stored = {path: read_embeddings(path, mmap_mode="r") for path in paths if holds_embeddings(path)}
    known = next((one for one in stored.values() if one.description is not None), None)
    description = known.description if known is not None else None
    flip = settings.flip if settings.flip is not None or description is None else description.flip == "sum"

    @cache
    def embedder() -> Embedder:
        loaded = load_embedder(settings.model or _model_of(description) or newest_finished_run(), settings.device)
        if known is not None:  # before hours of embedding, not after
            compare_origins(_nothing_of(loaded), known)
        return loaded

    return stored, flip, embedder


def _model_of(description: Description | None) -> Path | None:
    """Return the model that made stored embeddings, if it is still where it was."""
    if description is None or not Path(description.model).exists():
        return None
    return Path(description.model)


def _nothing_of(embedder: Embedder) -> StoredEmbeddings:
    """Return no embeddings of a model, which say what network they are of."""
    description = describe(embedder, weights=model_digest(embedder), flip=False, num_rows=0, names="")
    return StoredEmbeddings(Path(embedder.name), np.empty((0, embedder.embedding_dim)), [], description)
