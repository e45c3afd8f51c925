"""Compare faces: the cosine of one image with each of others, and what it says under the model's threshold."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from femb_cli.checkpoints.threshold import Threshold, choose_threshold
from femb_cli.errors import UsageError
from femb_cli.evaluation.verification.score import cosine_scores
from femb_cli.faces.choose import OneFace
from femb_cli.inference.embedder import Embedder
from femb_cli.inference.face_reader import Align, FaceImage


@dataclass(frozen=True)
class Comparison:
    """One image compared with the reference.

    Attributes:
        image: the aligned face.
        cosine: similarity of the two embeddings, from -1 to 1.
        same_person: whether it reaches the threshold; None without a threshold.
        impostor_pairs: the fewest and the most of the impostor pairs behind the threshold that may score as high; None
            without stored pairs.
        genuine_pairs: the fewest and the most of the genuine pairs that may score as low.
    """

    image: FaceImage
    cosine: float
    same_person: bool | None
    impostor_pairs: tuple[int, int] | None
    genuine_pairs: tuple[int, int] | None


@dataclass(frozen=True)
class Comparisons:
    """The comparisons of one reference.

    Attributes:
        model: the model's name.
        reference: the aligned face that all others are compared with.
        flip: whether the embeddings of mirror images were added: `none` or `sum`.
        threshold: the cosine that decides; None if there is none.
        stored: the stored threshold, with the pairs that it was measured on; None if there is none.
        comparisons: one for each other image, in their order.
    """

    model: str
    reference: FaceImage
    flip: str
    threshold: float | None
    stored: Threshold | None
    comparisons: list[Comparison]

    def to_json(self) -> dict[str, Any]:
        """Return the comparisons as plain values."""
        stored = self.stored
        return {
            "model": self.model,
            "flip": self.flip,
            "threshold": self.threshold,
            "fmr": stored.fmr if stored and stored.cosine == self.threshold else None,
            "measured_on": stored.measured_on if stored else None,
            "measured_alignment": stored.alignment if stored else None,
            "num_impostor": stored.impostor_scores.num_scores if stored else None,
            "num_genuine": stored.genuine_scores.num_scores if stored else None,
            "reference": _describe(self.reference),
            "comparisons": [
                {
                    **_describe(comparison.image),
                    "cosine": comparison.cosine,
                    "same_person": comparison.same_person,
                    "impostor_pairs_as_high": comparison.impostor_pairs,
                    "genuine_pairs_as_low": comparison.genuine_pairs,
                }
                for comparison in self.comparisons
            ],
        }


def compare(
    embedder: Embedder,
    reference: Path,
    others: Sequence[Path],
    *,
    fmr: float | None = None,
    threshold: float | None = None,
    flip: Literal["none", "sum"] | None = None,
    align: Align = "auto",
    choice: OneFace = "main",
) -> Comparisons:
    """Compare the face of one image with those of others.

    Args:
        embedder: the model.
        reference: an image file.
        others: image files, at least one.
        fmr: which of the stored thresholds decides; None for the one of the highest FMR.
        threshold: a cosine that decides instead of the stored one.
        flip: whether to add the embeddings of mirror images; None: as in the measurement of the stored threshold, or
            else by the model's own convention.
        align: which images are photos, see `Align`.
        choice: which face of a photo with several.

    Raises:
        FembError: an image cannot be read, a photo shows no face, or there is no threshold at `fmr`.
        UsageError: the stored threshold would decide, but it was measured with another `flip`.
    """
    stored = choose_threshold(embedder.card.thresholds if embedder.card else (), fmr, embedder.name)
    if stored is not None and flip not in (None, stored.flip):
        if threshold is None:
            raise UsageError(
                f"the stored threshold of {embedder.name} was measured with --flip {stored.flip}, not --flip {flip}",
                hint="leave out --flip, or say with --threshold where to decide",
            )
        stored = None  # its pairs say nothing about cosines of another flip
    faces = [embedder.reader.read(path, align=align, choice=choice) for path in (reference, *others)]
    used_flip = flip or (stored.flip if stored is not None else embedder.flip)
    rows_ND = np.concatenate([embedder(face.pixels_SS3[None], flip=used_flip == "sum") for face in faces])
    cosines_N = cosine_scores(
        rows_ND, np.zeros(len(others), int), np.arange(1, len(faces)), names=[face.name for face in faces]
    )
    deciding = stored.cosine if threshold is None and stored is not None else threshold
    comparisons = [
        Comparison(
            image,
            cosine,
            None if deciding is None else cosine >= deciding,
            stored.impostor_scores.count(cosine) if stored else None,
            stored.genuine_scores.count(cosine) if stored else None,
        )
        for image, cosine in zip(faces[1:], cosines_N.tolist(), strict=True)
    ]
    return Comparisons(embedder.name, faces[0], used_flip, deciding, stored, comparisons)


def _describe(image: FaceImage) -> dict[str, Any]:
    """Describe an image as plain values; its box is left, top, right and bottom in pixels of the photo."""
    found = image.face
    return {
        "image": image.name,
        "aligned_by_femb": found is not None,
        "faces_found": image.num_faces,
        "box": None if found is None else [round(edge, 1) for edge in found.box.tolist()],
        "face_score": None if found is None else found.score,
    }
