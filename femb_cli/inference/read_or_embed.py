"""Embeddings from a file, or of images that are embedded on the way."""

from collections.abc import Callable
from pathlib import Path

from femb_cli.data.open import open_sources
from femb_cli.data.source import names_of
from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings.names import name_lines, names_digest
from femb_cli.evaluation.embeddings.read import StoredEmbeddings, read_embeddings
from femb_cli.evaluation.embeddings.recognise import holds_embeddings
from femb_cli.inference.align import Alignment, align_source, no_face_error, survey_source
from femb_cli.inference.describe import alignment_of, describe
from femb_cli.inference.embed import embed_source
from femb_cli.inference.embedder import Embedder
from femb_cli.inference.image_warnings import image_warnings
from femb_cli.inference.model_digest import model_digest
from femb_cli.progress import Say, ShowProgress, silent, unseen
from femb_cli.text import left_out, no_face_sentence

_AUTO = Alignment()


def read_or_embed(
    path: Path,
    embedder: Callable[[], Embedder],
    *,
    alignment: Alignment = _AUTO,
    flip: bool | None = None,
    batch_size: int | None = None,
    skip_bad: bool = False,
    say: Say = silent,
    warn: Say = silent,
    show_progress: ShowProgress = unseen,
) -> StoredEmbeddings:
    """Read a file of embeddings; open anything else as images and embed them, in memory.

    Args:
        path: a file of embeddings, whose rows are a memory map if it is a `.npy` file; or an image, a folder, a zip, a
            list, a dataset, an id on the Hub.
        embedder: returns the model; called only if there are images to embed.
        alignment: how the faces of photos are aligned.
        flip: add the embeddings of the mirror images; None for the model's own convention.
        batch_size: images in a batch; None for the embedder's.
        skip_bad: leave out unreadable images, with a warning each, instead of failing.
        say: called with a line about what is done with photos.
        warn: called with a line about photos that are not aligned or show no face, and about each image left out.
        show_progress: shows the progress of the search for faces, and of the embedding.

    Raises:
        FembError: the path cannot be read, no image of it can, or none of its photos shows a face.
    """
    if holds_embeddings(path):
        return read_embeddings(path, mmap_mode="r")
    images = open_sources((path,))
    model = embedder()
    survey = survey_source(images, alignment, input_size=model.preprocessing.input_size)
    if survey.note:
        say(f"{path}: {survey.note}")
    for warning in image_warnings(model.card, survey, [path]):
        warn(f"{path}: {warning}")
    with show_progress(f"finding faces of {path}") as progress:
        aligned = align_source(survey, skip_bad=skip_bad, progress=progress)
    if aligned.without_face:
        warn(f"{path}: {no_face_sentence(aligned.without_face, aligned.num_photos, '')}")
    source = aligned.source
    if not len(source):
        raise no_face_error(aligned, alignment)
    flip = model.flip == "sum" if flip is None else flip
    with show_progress(f"embedding {path}") as progress:
        embedded = embed_source(model, source, batch_size=batch_size, flip=flip, skip_bad=skip_bad, progress=progress)
    for name, problem in (*aligned.failed, *embedded.failed):
        warn(left_out(name, problem))
    names = names_of(source, embedded.indices_N)
    if not names:
        raise FembError(f"no image of {path} can be read")
    description = describe(
        model,
        weights=model_digest(model),
        flip=flip,
        alignment=alignment_of(source),
        num_rows=len(names),
        names=names_digest(name_lines(names)),
    )
    return StoredEmbeddings(path, embedded.rows_ND, names, description)
