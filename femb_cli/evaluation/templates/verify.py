"""Verification of templates, as on IJB-B and IJB-C, from stored embeddings of their images."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings_file import names_path, read_embeddings, read_rows
from femb_cli.evaluation.templates.features import (
    TemplateMetrics,
    TemplateMode,
    template_features,
    template_metrics,
    template_rows,
    template_scores,
)
from femb_cli.evaluation.templates.lists import TemplateList, read_templates, rows_of_images

_LEAST_AGREEMENT = 0.2


@dataclass(frozen=True)
class TemplateVerification:
    """The outcome of stored embeddings on a set of templates.

    Attributes:
        benchmark: the set's name.
        model: the file of the embeddings.
        metrics: the metrics.
        scores_N: cosine of every pair of templates.
        genuine_N: whether it is of one person.
        warnings: what is odd about the embeddings, in sentences.
    """

    benchmark: str
    model: str
    metrics: TemplateMetrics
    scores_N: NDArray[np.float64]
    genuine_N: NDArray[np.bool_]
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The metrics with what they are of; plain values."""
        return {"benchmark": self.benchmark, "model": self.model, **self.metrics.to_json()}


def verify_templates(directory: Path, embeddings_file: Path, mode: TemplateMode | None = None) -> TemplateVerification:
    """Score the pairs of an IJB-like set from the embeddings of its images.

    Args:
        directory: the folder with the set's lists.
        embeddings_file: what `femb embed` wrote, with its names beside; or an array without names, a row for each line
            of the lists, of the image's embedding and then its mirror image's, as eval_ijbc.py has it.
        mode: how features become templates; None for the official N1D1F1, or N1D1 where `femb embed` wrote the
            embeddings, which has dealt with the mirror images.

    Raises:
        FembError: files are missing or damaged, or do not belong together.
    """
    templates = read_templates(directory)
    has_names = names_path(embeddings_file).is_file()
    if has_names:
        rows_ND, names = read_embeddings(embeddings_file, mmap_mode="r")
        row_N = rows_of_images(templates.names, names)
    else:
        rows_ND = read_rows(embeddings_file, mmap_mode="r")
        row_N = _rows_in_order(rows_ND, embeddings_file, templates)
    mode = mode or TemplateMode(flip=None if has_names else True)
    numbers_T, features_TD = template_features(
        rows_ND, row_N, templates.faceness_N, templates.template_N, templates.media_N, mode
    )
    left_P, right_P = (template_rows(numbers_T, numbers) for numbers in (templates.left_P, templates.right_P))
    genuine_P, num_images = templates.genuine_P, len(templates.names)
    # The numbers of millions of pairs, before their scores need the room.
    del templates
    # In float64: float32 makes ties among millions of impostors, and a point of the curve between ties of unequal
    # number is no longer left out, so that the official rate would be read off another point.
    scores_P = template_scores(features_TD, left_P, right_P)
    del features_TD, left_P, right_P
    metrics = template_metrics(scores_P, genuine_P, num_templates=len(numbers_T), num_images=num_images, mode=mode)
    warnings = _warnings_on_halves(rows_ND, mode)
    name = directory.resolve().name
    return TemplateVerification(name, str(embeddings_file), metrics, scores_P, genuine_P, warnings)


def _rows_in_order(rows_ND: NDArray[Any], file: Path, templates: TemplateList) -> NDArray[np.int64]:
    """Rows of images without names: one for each line of the lists."""
    if len(rows_ND) != len(templates.names):
        raise FembError(
            f"{file} holds {len(rows_ND)} rows, but the set has {len(templates.names)} images",
            hint="give what femb embed wrote, with its names beside, or one row for each line of the lists",
        )
    return np.arange(len(rows_ND))


def _warnings_on_halves(rows_ND: NDArray[Any], mode: TemplateMode) -> tuple[str, ...]:
    """Halves that do not look like an image's and its mirror image's embeddings."""
    if mode.flip is None:
        return ()
    first, second = (half.astype(np.float64) for half in np.split(rows_ND[:1000], 2, axis=1))
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    agreement = float((np.einsum("nd,nd->n", first, second) / np.maximum(lengths, np.finfo(float).tiny)).mean())
    if agreement >= _LEAST_AGREEMENT:
        return ()
    return (
        f"the halves of the rows have a mean cosine of {agreement:.2f}, so that they hardly are of images and their "
        f"mirror images; for rows of one embedding use the mode N{mode.use_norm:d}D{mode.use_detector:d}",
    )
