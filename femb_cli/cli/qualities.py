"""`femb verify --quality`: the files are read before anything is computed, and the area below the curve is shown."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from femb_cli.cli.output import Output, percent
from femb_cli.errors import UsageError

if TYPE_CHECKING:
    from femb_cli.evaluation.verification.pairs import PairList
    from femb_cli.evaluation.verification.quality_file import QualityScores
    from femb_cli.evaluation.verification.result import Verification


def read_qualities(files: Sequence[Path] | None, *, num_models: int) -> "list[QualityScores]":
    """Read the files: one for all models, or one for each.

    Raises:
        UsageError: there is another number of files.
        FembError: as `read_quality_scores`.
    """
    if not files:
        return []
    if len(files) not in (1, num_models):
        raise UsageError(
            f"{len(files)} files of --quality for {num_models} models",
            hint="give one for all models, or one for each in the order of the models",
        )
    from femb_cli.evaluation.verification.quality_file import read_quality_scores

    return [read_quality_scores(path) for path in files]


def check_qualities(pairs: "PairList", qualities: "Sequence[QualityScores]") -> None:
    """Refuse files that lack an image of the pairs.

    Raises:
        FembError: as `quality_of_images`.
    """
    from femb_cli.evaluation.verification.quality_file import quality_of_images

    for scores in qualities:
        quality_of_images(scores, pairs)


def quality_of_each(
    results: "Sequence[Verification]", qualities: "Sequence[QualityScores]"
) -> "list[QualityScores | None]":
    """Return the file of each result; results come model after model, each with the same number of lists."""
    if not qualities:
        return [None] * len(results)
    per_file = -(-len(results) // len(qualities))
    return [qualities[place // per_file] for place in range(len(results))]


def discard_documents(
    results: "Sequence[Verification]", qualities: "Sequence[QualityScores | None]", output: Output
) -> list[dict[str, Any]]:
    """Measure how well each result's quality finds its failures, say it in a line, and return it as plain values.

    Raises:
        FembError: a file lacks an image of the pairs.
    """
    documents: list[dict[str, Any]] = [{} for _ in results]
    for document, result, scores in zip(documents, results, qualities, strict=True):
        if scores is None:
            continue
        from femb_cli.evaluation.report.contents import AREA_LIMIT, FMR
        from femb_cli.evaluation.verification.quality_file import discard_by

        curve, area = discard_by(scores, result, fmr=float(FMR), limit=AREA_LIMIT)
        first = float(curve.fnmr_T[0])
        text = f"{result.benchmark}, {result.model}: quality {scores.title}: FNMR {percent(first)} at FMR {FMR}"
        if area is None:
            text += ", too few genuine pairs for an area"
        elif area.relative is None:
            text += ", no failure to find"
        else:
            text += (
                f", area up to {100 * AREA_LIMIT:g} % discarded {area.area:.5f},"
                f" {area.relative:.2f} of that of random discarding"
            )
        output.say(text)
        measured = None if area is None else asdict(area)
        document["quality"] = {"file": scores.title, "fmr": FMR, "fnmr": first, "discard_area": measured}
    return documents
