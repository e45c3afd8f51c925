"""The faces that a command is given: stored embeddings, or images that it embeds; and the images that it shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from femb_cli.cli import options
from femb_cli.cli.given_paths import refuse_missing
from femb_cli.cli.output import Output
from femb_cli.errors import UsageError

if TYPE_CHECKING:
    from femb_cli.checkpoints.threshold import Threshold
    from femb_cli.evaluation.embeddings.read import StoredEmbeddings
    from femb_cli.inference.comparable import EmbeddingSettings
    from femb_cli.search.sheets.pictures import Pictures


@dataclass(frozen=True)
class FacesInput:
    """How a command reads its faces, all with one network.

    Attributes:
        model: the model for images; None for that of the stored embeddings, or else the newest finished run.
        flip: whether to add the embeddings of the mirror images; None: as the stored embeddings, or else the model.
        batch_size: images in a batch; None for the embedder's.
        skip_bad: leave out unreadable images instead of failing.
        device: where to compute.
        align: which images are photos.
        faces: which faces of a photo.
        detector: what finds them.
    """

    model: Path | None
    flip: options.Flip | None
    batch_size: int | None
    skip_bad: bool
    device: str | None
    align: options.AlignChoice
    faces: options.Choice
    detector: str

    def read(self, output: Output, paths: Sequence[Path]) -> "list[StoredEmbeddings]":
        """Read stored embeddings and embed images; torch is loaded only if there are images.

        Args:
            output: gets what is not known about a network, warnings and progress.
            paths: stored embeddings, or images.

        Raises:
            FembError: a path cannot be read, or two of them come from two networks.
        """
        from femb_cli.evaluation.embeddings.recognise import holds_embeddings

        if all(map(holds_embeddings, paths)):
            return self._read_stored(output, paths)
        refuse_missing(paths)
        output.load_libraries()
        from femb_cli.inference.comparable import read_comparable
        from femb_cli.runtime.signals import interruption_says

        settings = self._settings()
        with interruption_says("interrupted; nothing was written"):
            stored = read_comparable(paths, settings, say=output.say, warn=output.warn, show_progress=output.progress)
        for other in stored[1:]:
            say_origins(output, stored[0], other)
        return stored

    def describe(self, output: Output, paths: Sequence[Path]) -> list[dict[str, Any]]:
        """Describe what `read` would read and embed, for a dry run; raises as `read` does before it embeds."""
        from femb_cli.evaluation.embeddings.recognise import holds_embeddings

        if all(map(holds_embeddings, paths)):
            stored = self._read_stored(output, paths)
            return [{"path": str(one.path), "num_embeddings": len(one.rows_ND)} for one in stored]
        refuse_missing(paths)
        output.load_libraries()
        from femb_cli.inference.comparable import describe_comparable

        return describe_comparable(paths, self._settings())

    def _read_stored(self, output: Output, paths: Sequence[Path]) -> "list[StoredEmbeddings]":
        from femb_cli.data.synthetic.training_data import DRAWN_FACES, DRAWN_FACES_WARNING
        from femb_cli.evaluation.embeddings.read import read_embeddings

        if self.model is not None or self.flip is not None:
            output.warn("--model and --flip are for images: stored embeddings stay as they are")
        opened = {path: read_embeddings(path, mmap_mode="r") for path in dict.fromkeys(paths)}
        stored = [opened[path] for path in paths]
        if any(one.description is not None and one.description.training_data == DRAWN_FACES for one in stored):
            output.warn(DRAWN_FACES_WARNING)
        for other in stored[1:]:
            say_origins(output, stored[0], other)
        return stored

    def _settings(self) -> "EmbeddingSettings":
        from femb_cli.inference.align import Alignment
        from femb_cli.inference.comparable import EmbeddingSettings

        flip = None if self.flip is None else self.flip == "sum"
        alignment = Alignment(self.align, self.faces, self.detector)
        return EmbeddingSettings(self.model, flip, self.batch_size, self.skip_bad, self.device, alignment)


def say_origins(output: Output, one: "StoredEmbeddings", other: "StoredEmbeddings") -> None:
    """Refuse embeddings of two networks, and say what is not known or doubtful.

    Raises:
        FembError: the two come from two networks.
    """
    from femb_cli.evaluation.embeddings.same_network import compare_origins

    origins = compare_origins(one, other)
    if origins.unknown:
        output.say(origins.unknown)
    if origins.warning:
        output.warn(origins.warning)


def model_threshold(stored: "StoredEmbeddings") -> "Threshold | None":
    """Return the threshold in the card of the embeddings' model, if it is still where it was; torch is loaded then."""
    if stored.description is None or not Path(stored.description.model).exists():
        return None
    from femb_cli.inference.stored_threshold import stored_threshold

    return stored_threshold(stored.description)


def warn_of_other_flip(threshold: "Threshold", stored: "StoredEmbeddings", output: Output) -> None:
    """Warn if mirror images were added to the embeddings or to those behind the threshold, but not to both."""
    if stored.description is None or stored.description.flip == threshold.flip:
        return
    is_sum = threshold.flip == "sum"
    measured, embedded = ("with mirror images added", "without") if is_sum else ("without mirror images", "with them")
    output.warn(
        f"the threshold was measured {measured}, these embeddings are {embedded}: embedded with --flip"
        f" {threshold.flip} they fit it"
    )


def open_pictures(faces: Path, images: Path | None) -> "Pictures":
    """Open the images that a command was given, or those that its stored embeddings were made from.

    Args:
        faces: stored embeddings, or images.
        images: the images of stored embeddings; None if the command line does not say.

    Raises:
        UsageError: `faces` are stored embeddings, and `images` is None.
        FembError: the images cannot be opened, or are not those of the embeddings.
    """
    from femb_cli.data.open import open_sources
    from femb_cli.evaluation.embeddings.read import read_embeddings
    from femb_cli.evaluation.embeddings.recognise import holds_embeddings
    from femb_cli.search.sheets.pictures import Pictures

    if not holds_embeddings(faces):
        return Pictures(open_sources((faces,)))
    if images is None:
        raise UsageError(
            f"{faces} holds embeddings, not the images to show or move",
            hint="--images names the folder or the archive that was embedded",
        )
    pictures = Pictures(open_sources((images,)))
    pictures.check_names(read_embeddings(faces, mmap_mode="r").names, faces)
    return pictures


def with_faces(pictures: "Pictures", stored: "StoredEmbeddings", faces: options.Choice, detector: str) -> "Pictures":
    """Return pictures that show the aligned faces of photos, if femb aligned them for the embeddings.

    Args:
        pictures: the images.
        stored: their embeddings.
        faces: which faces of a photo.
        detector: what finds them; they are in the cache of faces since the photos were embedded.
    """
    description = stored.description
    if description is None or not description.alignment.startswith("femb"):
        return pictures
    from femb_cli.inference.align import Alignment, align_source, survey_source
    from femb_cli.search.sheets.pictures import Pictures

    chosen: options.Choice = "all" if description.alignment.endswith(" all") else faces
    input_size = description.preprocessing["input_size"]
    survey = survey_source(pictures.source, Alignment("auto", chosen, detector), input_size=input_size)
    return Pictures(pictures.source, align_source(survey, skip_bad=True).source)
