"""`femb compare`."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from femb_cli.cli import options
from femb_cli.cli.given_paths import refuse_missing
from femb_cli.cli.output import Output
from femb_cli.errors import FembError, UsageError

if TYPE_CHECKING:
    from femb_cli.evaluation.metrics.score_tail import ScoreTail
    from femb_cli.inference.compare import Comparison, Comparisons
    from femb_cli.inference.face_reader import FaceImage

_CHOSEN = {"main": "large one near the middle", "largest": "largest", "center": "one nearest to the middle"}
"""What a photo's chosen face is called."""


def compare(
    reference: Annotated[Path, typer.Argument(metavar="A", help="An image of a face: a photo or an aligned face.")],
    others: Annotated[list[Path], typer.Argument(metavar="B...", help="The images to compare it with.")],
    model: options.Model = None,
    fmr: Annotated[
        float | None, options.fmr(", whose stored threshold decides. Default: the highest that has one.")
    ] = None,
    threshold: Annotated[float | None, options.threshold(". Default: the stored threshold.")] = None,
    flip: options.FlipAsThreshold = None,
    align: options.Align = "auto",
    faces: options.OneFace = "main",
    detector: options.Detector = "mtcnn",
    fail_if_different: Annotated[
        bool, typer.Option("--fail-if-different", help="End with exit code 1 if one of B is another person.")
    ] = False,
    device: options.Device = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Compare two faces, or one with several: the cosine, and whether it is the same person.

    The threshold is one that femb verify --store-threshold has stored in the model.

    \b
    Examples:
      femb compare passport.jpg selfie.jpg
      femb compare anna.jpg one.jpg two.jpg --model arcface_r50 --fmr 1e-4
      femb compare a.jpg b.jpg --threshold 0.3 --fail-if-different
    """
    from femb_cli.checkpoints.runs import newest_finished_run

    output = Output(json=json, quiet=quiet)
    if threshold is not None and math.isnan(threshold):
        raise UsageError("--threshold nan is no cosine", hint="a cosine lies between -1 and 1")
    if fmr is not None and not 0.0 < fmr < 1.0:
        raise UsageError(f"--fmr {fmr:g} is no FMR", hint="an FMR lies between 0 and 1, such as 1e-3")
    if None not in (fmr, threshold):
        raise UsageError("--fmr and --threshold exclude each other", hint="each of them says where to decide")
    for given in (reference, *others):
        if given.is_dir():
            query = next((path for path in (reference, *others) if not path.is_dir()), reference)
            raise UsageError(
                f"{given} is a folder, and femb compare takes images",
                hint=f"femb search {query} {given} searches folders",
            )
    refuse_missing([reference, *others])
    path = model or newest_finished_run()
    output.load_libraries()
    from femb_cli.checkpoints.threshold import how_to_store
    from femb_cli.inference import load_embedder
    from femb_cli.inference.compare import compare as compare_faces
    from femb_cli.inference.drawn_faces import drawn_faces_warning
    from femb_cli.search.groups import DEFAULT_THRESHOLD

    embedder = load_embedder(path, device, detector=detector)
    if (warning := drawn_faces_warning(embedder.card, [reference, *others])) is not None:
        output.warn(warning)
    result = compare_faces(
        embedder, reference, others, fmr=fmr, threshold=threshold, flip=flip, align=align, choice=faces
    )
    if fail_if_different and result.threshold is None:
        raise FembError(f"--fail-if-different needs a threshold, and {path} has none", hint=how_to_store(str(path)))
    for image in (result.reference, *(comparison.image for comparison in result.comparisons)):
        _say_which_face(output, image, faces)
    output.result(result.to_json(), "\n".join(_sentence(result, comparison) for comparison in result.comparisons))
    if result.threshold is None:
        output.say(
            f"{path} has no threshold, so nothing is decided: {how_to_store(str(path))}; or give --threshold"
            f" ({DEFAULT_THRESHOLD:g} is the guess of femb group)"
        )
    if fail_if_different and not all(comparison.same_person for comparison in result.comparisons):
        raise typer.Exit(1)


def _say_which_face(output: Output, image: "FaceImage", choice: str) -> None:
    """Say that the image is a photo, and which of its faces was taken."""
    if image.face is None:
        return
    left, top, right, bottom = (round(edge) for edge in image.face.box.tolist())
    which = "its face" if image.num_faces == 1 else f"of its {image.num_faces} faces the {_CHOSEN[choice]}"
    output.say(f"{image.name} is a photo: {which} was aligned, from ({left}, {top}) to ({right}, {bottom})")


def _sentence(result: "Comparisons", comparison: "Comparison") -> str:
    """Say the cosine, the decision, and how many of the stored pairs of the other kind score like this."""
    name = f"{comparison.image.name}: " if len(result.comparisons) > 1 else ""
    parts = [f"{name}cosine {comparison.cosine:.3f}"]
    stored = result.stored
    if result.threshold is not None:
        source = f" ({stored.at})" if stored is not None and stored.cosine == result.threshold else ""
        verdict = "same person" if comparison.same_person else "different people"
        parts.append(f"at threshold {result.threshold:.3f}{source}: {verdict}")
    if stored is not None and comparison.same_person:
        parts.append(_place(comparison.impostor_pairs, stored.impostor_scores, "impostor", "high"))
    elif stored is not None:
        parts.append(_place(comparison.genuine_pairs, stored.genuine_scores, "genuine", "low"))
    return "; ".join(parts)


def _place(bounds: tuple[int, int] | None, tail: "ScoreTail", kind: str, extreme: str) -> str:
    """Say how many pairs may score like this: `1 of 3,000 impostor pairs scores as high`, `20 to 29 of ...`."""
    fewest, most = bounds or (0, tail.num_scores)
    number = "none" if most == 0 else f"{most:,}" if fewest == most else f"{fewest:,} to {most:,}"
    return f"{number} of {tail.num_scores:,} {kind} pairs score{'s' if most <= 1 else ''} as {extreme}"
