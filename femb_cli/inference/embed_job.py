"""The arguments of `femb embed`, as an object that can be pickled for several processes."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.onnx_file import onnx_metadata, read_onnx_model
from femb_cli.checkpoints.runs import newest_finished_run
from femb_cli.checkpoints.stated_onnx import is_stated, read_stated_onnx
from femb_cli.checkpoints.store import open_checkpoint
from femb_cli.data.files.unread import unread_of
from femb_cli.data.open import open_sources
from femb_cli.evaluation.embeddings.formats import names_path
from femb_cli.inference.align import Alignment, Survey, align_source, no_face_error, survey_source
from femb_cli.inference.embed_to_file import write_embeddings
from femb_cli.inference.embedder import is_onnx, load_embedder
from femb_cli.inference.unfinished_embeddings import check_output, unfinished_note
from femb_cli.progress import ShowProgress, unseen
from femb_cli.runtime.devices import join_process_group
from femb_cli.runtime.ranks import is_main_process


@dataclass(frozen=True)
class EmbedJob:
    """The images, the model, the alignment and the output file; see `femb embed --help`."""

    images: tuple[Path, ...]
    out: Path
    model: Path | None
    runs: Path
    alignment: Alignment
    flip: bool
    batch_size: int | None
    exact: bool
    skip_bad: bool
    resume: bool
    device: str | None
    overwrite: bool

    def find_model(self) -> Path:
        """Return the given model, or the newest finished run."""
        return self.model or newest_finished_run(self.runs)

    def check(self) -> Survey:
        """Find errors in the arguments before any process starts, and see which images are photos.

        Raises:
            FembError: an output exists, or the images or the model cannot be opened.
        """
        check_output(self.out, resume=self.resume, overwrite=self.overwrite)
        source = open_sources(self.images)
        return survey_source(source, self.alignment, input_size=_read_input_size(self.find_model()))

    def describe(self, survey: Survey) -> dict[str, Any]:
        """Describe what the job would do, for a dry run; `survey` is what `check` has seen.

        Raises:
            FembError: the model cannot be loaded.
        """
        model = self.find_model()
        return {
            "num_images": len(survey.rows_N),
            "num_photos": survey.num_photos,
            "embedding_dim": load_embedder(model, "cpu").embedding_dim,
            "model": str(model),
            "path": str(self.out),
            "names_path": str(names_path(self.out)),
            **({"unfinished": kept} if (kept := self.describe_unfinished()) else {}),
        }

    def describe_unfinished(self) -> str:
        """Return how far an interrupted call has come, as `8,192 of 13,233 images`; empty if there was none."""
        note = unfinished_note(self.out)
        return f"{note.done:,} of {note.job.num_images:,} images" if note is not None else ""


def read_card(model: Path) -> ModelCard | None:
    """Return the card of a run, a checkpoint, a safetensors file or an ONNX file, without loading the network.

    Returns:
        None for an ONNX file of another program, which has no card.

    Raises:
        FembError: there is no model, or its card is damaged.
    """
    if not is_onnx(model):
        return open_checkpoint(model).card
    metadata = onnx_metadata(read_onnx_model(model))
    return None if is_stated(metadata) else ModelCard.from_metadata(metadata, str(model))


def _read_input_size(model: Path) -> int:
    """Return height and width of a model's images, without loading the network; raises as `read_card`."""
    card = read_card(model)
    return card.preprocessing.input_size if card is not None else read_stated_onnx(model).input_size


def run_embedding(job: EmbedJob, survey: Survey, show_progress: ShowProgress = unseen) -> dict[str, Any] | None:
    """Run a job, on each of its processes.

    Args:
        job: the job.
        survey: what `check` has seen of its images.
        show_progress: shows the progress of the search for faces, and of the embedding.

    Returns:
        A summary on the main process; None on the others.
    """
    join_process_group(job.device)
    embedder = load_embedder(job.find_model(), job.device, exact=job.exact)
    with show_progress("finding faces") as progress:
        aligned = align_source(survey, skip_bad=job.skip_bad, progress=progress)
    if not len(aligned.source):
        raise no_face_error(aligned, job.alignment)
    started = time.perf_counter()
    with show_progress("embedding") as progress:
        result = write_embeddings(
            embedder,
            aligned.source,
            job.out,
            batch_size=job.batch_size,
            flip=job.flip,
            skip_bad=job.skip_bad,
            resume=job.resume,
            overwrite=job.overwrite,
            progress=progress,
        )
    seconds = time.perf_counter() - started
    if not is_main_process():
        return None
    failed = [*aligned.failed, *result.failed]
    return {
        "num_images": len(result.indices_N),
        "num_failed": len(failed),
        "num_photos": aligned.num_photos,
        "num_without_face": len(aligned.without_face),
        "num_with_several_faces": len(aligned.several_faces),
        "embedding_dim": embedder.embedding_dim,
        "path": str(job.out),
        "names_path": str(names_path(job.out)),
        "images_per_second": round((len(aligned.source) - result.num_kept) / max(seconds, 1e-9), 1),
        "model": embedder.name,
        "computation": embedder.computation,
        "failed": [list(pair) for pair in failed],
        "without_face": list(aligned.without_face),
        "with_several_faces": list(aligned.several_faces),
        "unread": dict(unread_of(survey.source)),
    }
