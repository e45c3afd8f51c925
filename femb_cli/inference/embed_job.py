"""The arguments of `femb embed`, as an object that can be pickled for several processes."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from femb_cli.checkpoints.runs import newest_finished_run
from femb_cli.checkpoints.store import open_checkpoint
from femb_cli.data.images.decode import ALIGNED_SIZE, decode_image
from femb_cli.data.open import open_images
from femb_cli.data.source import ImageSource
from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings.formats import names_path
from femb_cli.inference.embed_to_file import write_embeddings
from femb_cli.inference.embedder import is_onnx, load_embedder
from femb_cli.inference.unfinished_embeddings import check_output, unfinished_note
from femb_cli.progress import Progress
from femb_cli.runtime.devices import join_process_group
from femb_cli.runtime.ranks import is_main_process


@dataclass(frozen=True)
class EmbedJob:
    """The images, the model and the output file; see `femb embed --help`."""

    images: tuple[Path, ...]
    out: Path
    model: Path | None
    runs: Path
    flip: bool
    batch_size: int
    skip_bad: bool
    resume: bool
    device: str | None
    overwrite: bool

    def open_images(self) -> ImageSource:
        """Open the images as one source."""
        return open_images(self.images)

    def find_model(self) -> Path:
        """Return the given model, or the newest finished run."""
        return self.model or newest_finished_run(self.runs)

    def check(self) -> str | None:
        """Find errors in the arguments before any process starts.

        Returns:
            A warning if the images may not be aligned faces.

        Raises:
            FembError: an output exists, or the images or the model cannot be opened.
        """
        check_output(self.out, resume=self.resume, overwrite=self.overwrite)
        source = self.open_images()
        if not is_onnx(model := self.find_model()):
            open_checkpoint(model)
        return alignment_warning(source)

    def describe(self) -> dict[str, Any]:
        """Describe what the job would do, for a dry run.

        Raises:
            FembError: as `check`.
        """
        check_output(self.out, resume=self.resume, overwrite=self.overwrite)
        model = self.find_model()
        embedder = load_embedder(model, "cpu")
        return {
            "num_images": len(self.open_images()),
            "embedding_dim": embedder.embedding_dim,
            "model": str(model),
            "path": str(self.out),
            "names_path": str(names_path(self.out)),
            **({"unfinished": kept} if (kept := self.describe_unfinished()) else {}),
        }

    def describe_unfinished(self) -> str:
        """Return how far an interrupted call has come, as `8,192 of 13,233 images`; empty if there was none."""
        note = unfinished_note(self.out)
        return f"{note.done:,} of {note.job.num_images:,} images" if note is not None else ""


def alignment_warning(source: ImageSource) -> str | None:
    """Return a warning if the first image does not have the size of an aligned face."""
    try:
        height, width, _ = decode_image(source.read(0), size=None).shape
    except FembError:
        return None
    if (height, width) == (ALIGNED_SIZE, ALIGNED_SIZE):
        return None
    return (
        f"{source.names[0]} is {width} x {height} pixels and will be resized: networks expect {ALIGNED_SIZE} x"
        f" {ALIGNED_SIZE} faces aligned to the ArcFace template, and embed other images badly"
    )


def run_embedding(job: EmbedJob, progress: Progress | None) -> dict[str, Any] | None:
    """Run a job, on each of its processes.

    Returns:
        A summary on the main process; None on the others.
    """
    join_process_group(job.device)
    source = job.open_images()
    embedder = load_embedder(job.find_model(), job.device)
    started = time.perf_counter()
    result = write_embeddings(
        embedder,
        source,
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
    return {
        "num_images": len(result.indices_N),
        "num_failed": len(result.failed),
        "embedding_dim": embedder.embedding_dim,
        "path": str(job.out),
        "names_path": str(names_path(job.out)),
        "images_per_second": round((len(source) - result.num_kept) / max(seconds, 1e-9), 1),
        "model": embedder.name,
        "failed": [list(pair) for pair in result.failed],
    }
