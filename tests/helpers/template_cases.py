"""The golden template benchmark, scored, and lists made up."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from femb_cli.evaluation.templates.features import template_features, template_rows
from femb_cli.evaluation.templates.lists import TemplateList, read_templates
from femb_cli.evaluation.templates.mode import TemplateMode
from femb_cli.evaluation.templates.scores import template_scores

MODES = ["N1D1F1", "N1D1F0", "N0D1F1", "N1D0F1", "N0D0F0"]


@dataclass(frozen=True)
class ScoredTemplates:
    lists: TemplateList
    numbers_T: np.ndarray
    features_TD: np.ndarray
    scores_P: np.ndarray


def scored(ijb_like: Path, mode: str, kind: type = np.float64) -> ScoredTemplates:
    lists = read_templates(ijb_like)
    embeddings = np.load(ijb_like / "image_features.npz")["features"]
    numbers, rows = template_features(
        embeddings,
        np.arange(len(embeddings)),
        lists.faceness_N,
        lists.template_N,
        lists.media_N,
        TemplateMode.parse(mode),
    )
    left, right = template_rows(numbers, lists.left_P), template_rows(numbers, lists.right_P)
    return ScoredTemplates(lists, numbers, rows, template_scores(rows.astype(kind), left, right))


def of_faces(embeddings: np.ndarray, template: np.ndarray, media: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Templates of images that all are faces, of one embedding each."""
    ones = np.ones(len(embeddings), dtype=np.float32)
    return template_features(embeddings, np.arange(len(ones)), ones, template, media, TemplateMode.parse("N1D0"))
