"""Embed the images of a template benchmark as they are downloaded: loose crops, aligned by the landmarks of its lists.

The embeddings go to a file in the cache, a few thousand at a time, so that an interrupted call is continued by the next
one and a finished file is used again.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import xxhash

from femb_cli.data.open import open_source
from femb_cli.data.source import HasLooseFiles, ImageSource
from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings.formats import names_path
from femb_cli.evaluation.templates.lists import read_landmarks, rows_of_images
from femb_cli.faces.align import crop_size
from femb_cli.faces.landmark_crops import LandmarkCrops
from femb_cli.files import cache_folder, exists
from femb_cli.inference.cache import model_fingerprint
from femb_cli.inference.embed import unreadable_hint
from femb_cli.inference.embed_to_file import write_embeddings
from femb_cli.inference.embedder import Embedder, load_embedder
from femb_cli.inference.verify import Flip
from femb_cli.progress import ShowProgress, unseen
from femb_cli.runtime.devices import join_process_group
from femb_cli.runtime.ranks import is_main_process

MAX_BYTES = 8 * 2**30
"""Limit for the files of all benchmarks and models together; the least recently used ones are removed first. The
embeddings of IJB-C take one gigabyte."""


@dataclass(frozen=True)
class TemplateJob:
    """The lists, the images and the model; see `femb verify --help`.

    Attributes:
        directory: the directory with the lists.
        images: the loose crops; None for the folder `loose_crop` in `directory`.
        model: the model.
        flip: whether to add the embeddings of the mirror images; None for the model's own convention.
        batch_size: images in a batch; None for the embedder's.
        exact: compute in plain float32.
        use_cache: use embeddings that are in the cache already.
        device: where to compute.
    """

    directory: Path
    images: Path | None
    model: Path
    flip: Flip | None
    batch_size: int | None
    exact: bool
    use_cache: bool
    device: str | None

    def open_crops(self, input_size: int) -> LandmarkCrops:
        """Open the images of the lists, in the order of the lists.

        Raises:
            FembError: a list is damaged, or an image is missing.
        """
        folder = self.images or self.directory / "loose_crop"
        if self.images is None and not exists(folder):
            raise FembError(
                f"{self.directory} has no folder loose_crop", hint="--images DIR names the folder of the loose crops"
            )
        names, landmarks_N52 = read_landmarks(self.directory)
        source = open_source(folder)
        rows_N = rows_of_images(names, source.names, of="image")
        stated_by = f"the lists of {self.directory.resolve().name}"
        return LandmarkCrops(source, rows_N, landmarks_N52, stated_by=stated_by, size=crop_size(input_size))

    def check(self) -> str:
        """Load the model and open the images, as `embed` does, and return the model's name.

        Raises:
            FembError: the model cannot be loaded, a list is damaged, or an image is missing.
        """
        embedder = load_embedder(self.model, self.device)
        crops = self.open_crops(embedder.preprocessing.input_size)
        _state_of(crops.source, crops.rows_N.tolist())
        return embedder.name

    def embed(self, show_progress: ShowProgress = unseen) -> tuple[Path, Flip]:
        """Embed the images, on each of the job's processes, or find the file of an earlier call.

        Args:
            show_progress: shows the progress.

        Returns:
            The file of embeddings, and how mirror images were used.

        Raises:
            FembError: an image is missing or cannot be read.
        """
        embedder = load_embedder(self.model, self.device, exact=self.exact)
        flip: Flip = self.flip or ("sum" if embedder.flip == "sum" else "none")
        crops = self.open_crops(embedder.preprocessing.input_size)
        suffix = "" if self.use_cache else f"-{os.getpid()}"
        path = cache_folder() / "templates" / f"{_key(embedder, crops, flip)}{suffix}.npy"
        if exists(path) and self.use_cache:
            if is_main_process():
                os.utime(path)
            return path, flip
        with (
            unreadable_hint("repair the image; the same command continues"),
            show_progress(f"embedding the images of {self.directory}") as progress,
        ):
            write_embeddings(
                embedder,
                crops,
                path,
                batch_size=self.batch_size,
                flip=flip == "sum",
                resume=self.use_cache,
                overwrite=not self.use_cache,
                progress=progress,
            )
        if is_main_process():
            _remove_least_recently_used(path.parent, keep=path)
        return path, flip


def remove_embeddings(path: Path) -> None:
    """Remove a file of embeddings that is not to stay in the cache."""
    path.unlink(missing_ok=True)
    names_path(path).unlink(missing_ok=True)


def cache_template_embeddings(job: TemplateJob, show_progress: ShowProgress = unseen) -> None:
    """Embed on each of several processes, so that the file is there for the process that reports."""
    join_process_group(job.device)
    job.embed(show_progress)


def _key(embedder: Embedder, crops: LandmarkCrops, flip: Flip) -> str:
    """A checksum of all that the embeddings depend on; of loose files it takes sizes and times, not the contents."""
    content = xxhash.xxh3_128(f"{model_fingerprint(embedder)} {flip} {crops.derivation} ".encode())
    content.update(_state_of(crops.source, crops.rows_N.tolist()))
    return content.hexdigest()


def _state_of(source: ImageSource, rows: list[int]) -> bytes:
    """The names, sizes and times of the files of a source."""
    files = [source.file(row) for row in rows] if isinstance(source, HasLooseFiles) else [str(source.path)]
    states = []
    for file in files:
        try:
            status = Path(file).stat()
        except OSError as error:
            raise FembError(f"cannot read {file}: {error.strerror}") from error
        states.append(f"{file} {status.st_size} {status.st_mtime_ns}\n")
    return "".join(states).encode(errors="surrogateescape")


def _remove_least_recently_used(folder: Path, keep: Path) -> None:
    """Remove files until the rest is not larger than `MAX_BYTES`; `keep` stays."""
    files = sorted((path.stat().st_mtime_ns, path.stat().st_size, path) for path in folder.glob("*.npy"))
    total = sum(size for _, size, _ in files)
    for _, size, path in files:
        if total <= MAX_BYTES:
            return
        if path != keep:
            remove_embeddings(path)
            total -= size
