"""Verification of templates, as on IJB-B and IJB-C, from a file with the embeddings of their images.

Shape suffixes: N images, R rows of embeddings, D embedding dimension, T templates, P pairs of templates.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings.contents import Contents
from femb_cli.evaluation.embeddings.description import Description
from femb_cli.evaluation.embeddings.read import read_contents
from femb_cli.evaluation.templates.features import template_features, template_rows
from femb_cli.evaluation.templates.identification import TemplateIdentification, identify_templates
from femb_cli.evaluation.templates.lists import TemplateList, read_templates, rows_of_images
from femb_cli.evaluation.templates.metrics import TemplateMetrics, template_metrics
from femb_cli.evaluation.templates.mode import TemplateMode
from femb_cli.evaluation.templates.scores import template_scores
from femb_cli.evaluation.templates.subjects import find_galleries_and_probes

_LEAST_AGREEMENT = 0.2
"""Mean cosine between embeddings of images and of their mirror images; in practice it is far higher."""


@dataclass(frozen=True)
class TemplateVerification:
    """The result of embeddings on a template benchmark.

    Attributes:
        benchmark: the benchmark's name.
        model: the model's name; the file of its embeddings if that does not say it.
        metrics: the metrics.
        scores_N: cosine of every pair of templates.
        genuine_N: whether each pair shows one person.
        embeddings_file: the file of the embeddings.
        description: what this file says about its network; None if it says nothing.
        warnings: problems of the embeddings, one sentence each.
        identification: the rates of a search of probes in galleries, if the benchmark has lists of them.
    """

    benchmark: str
    model: str
    metrics: TemplateMetrics
    scores_N: NDArray[np.float64]
    genuine_N: NDArray[np.bool_]
    embeddings_file: Path
    description: Description | None = None
    warnings: tuple[str, ...] = ()
    identification: tuple[TemplateIdentification, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the metrics with the benchmark, the model and the file, as plain values."""
        identification = [each.to_json() for each in self.identification]
        return {
            "benchmark": self.benchmark,
            "model": self.model,
            "embeddings": str(self.embeddings_file),
            **self.metrics.to_json(),
            **({"identification": identification} if identification else {}),
        }


def verify_templates(directory: Path, embeddings_file: Path, mode: TemplateMode | None = None) -> TemplateVerification:
    """Verify the pairs of a template benchmark from the embeddings of its images.

    Args:
        directory: the directory with the benchmark's lists.
        embeddings_file: a file that `femb embed` wrote, with its names. Or an array without names that has one
            row for each line of the lists: the image's embedding, then that of its mirror image, as in eval_ijbc.py.
        mode: how features become templates. None means the official N1D1F1, or N1D1 if `femb embed` wrote the
            embeddings, because that command has already added the mirror images, or has left them out.

    Raises:
        FembError: files are missing or damaged, or do not belong together.
    """
    templates = read_templates(directory)
    searched = find_galleries_and_probes(directory)
    stored = read_contents(embeddings_file, mmap_mode="r")
    rows_RD, row_N = stored.rows_ND, _rows_of_images(embeddings_file, stored, templates)
    mode = mode or TemplateMode(flip=None if stored.names is not None else True)
    description = stored.description
    del stored
    numbers_T, features_TD = template_features(
        rows_RD, row_N, templates.faceness_N, templates.template_N, templates.media_N, mode
    )
    left_P, right_P = (template_rows(numbers_T, numbers) for numbers in (templates.left_P, templates.right_P))
    genuine_P, num_images = templates.genuine_P, len(templates.names)
    identification: tuple[TemplateIdentification, ...] = ()
    if searched is not None:
        galleries, probes = searched
        identification = tuple(identify_templates(numbers_T, features_TD, probes, galleries))
    # Free the numbers of millions of pairs before their scores need the memory.
    del templates
    # In float64, because float32 makes ties among millions of impostor scores. Ties add corners to the curve, and the
    # official rate would be read off at another point.
    scores_P = template_scores(features_TD, left_P, right_P)
    del features_TD, left_P, right_P
    return TemplateVerification(
        benchmark=directory.resolve().name,
        model=description.model if description is not None else str(embeddings_file),
        metrics=template_metrics(scores_P, genuine_P, num_templates=len(numbers_T), num_images=num_images, mode=mode),
        scores_N=scores_P,
        genuine_N=genuine_P,
        embeddings_file=embeddings_file,
        description=description,
        warnings=_warnings_about_halves(rows_RD, mode),
        identification=identification,
    )


def check_embeddings(directory: Path, embeddings_file: Path) -> TemplateList:
    """Return the lists of a template benchmark, after the checks of `verify_templates` that compute nothing."""
    templates = read_templates(directory)
    find_galleries_and_probes(directory)
    _rows_of_images(embeddings_file, read_contents(embeddings_file, mmap_mode="r"), templates)
    return templates


def _rows_of_images(file: Path, stored: Contents, templates: TemplateList) -> NDArray[np.int64]:
    """Find the row of each image (N,): by its name, or by its line in the lists.

    Raises:
        FembError: the embeddings do not fit the lists.
    """
    if stored.names is not None:
        return rows_of_images(templates.names, stored.names)
    if len(stored.rows_ND) != len(templates.names):
        raise FembError(
            f"{file} holds {len(stored.rows_ND)} rows, but the lists have {len(templates.names)} images",
            hint="use what femb embed wrote, with its names, or one row for each line of the lists",
        )
    return np.arange(len(stored.rows_ND))


def _warnings_about_halves(rows_RD: NDArray[Any], mode: TemplateMode) -> tuple[str, ...]:
    """Warn if the two halves of the rows do not look like embeddings of images and of their mirror images."""
    if mode.flip is None:
        return ()
    first, second = (half.astype(np.float64) for half in np.split(rows_RD[:1000], 2, axis=1))
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    agreement = float((np.einsum("nd,nd->n", first, second) / np.maximum(lengths, np.finfo(float).tiny)).mean())
    if agreement >= _LEAST_AGREEMENT:
        return ()
    return (
        f"the two halves of the rows have a mean cosine of {agreement:.2f}; those of images and their mirror images"
        f" would agree better; for rows of one embedding use the mode N{mode.use_norm:d}D{mode.use_detector:d}",
    )
