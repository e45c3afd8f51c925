"""Which options of `femb verify` exclude each other, and which need another."""

from collections.abc import Sequence, Set

from femb_cli.errors import UsageError
from femb_cli.text import rate_text

_PICTURES = {"dataset", "suite", "leaderboard", "images", "model", "store_threshold", "on_missing", "flip"}


def check_usage(given: Set[str]) -> None:
    """Refuse options that exclude each other.

    Args:
        given: names of the parameters of `verify` that have a value.

    Raises:
        UsageError: two options exclude each other, or one lacks the other that it needs.
    """
    if "templates" in given:
        _check_templates(given)
        return
    if "ijb_mode" in given:
        raise UsageError("--ijb-mode needs --templates")
    if "scores" in given:
        _check_scores(given)
        return
    if given & {"impostor_scores", "distances"}:
        raise UsageError("--impostor-scores and --distances need --scores", hint="--scores FILE names the scores")
    _check_suite(given)
    if {"dataset", "pairs"} <= given:
        raise UsageError("--dataset and --pairs exclude each other", hint="choose a benchmark or your own pair list")
    if "pairs" in given and ("images" in given) == ("embeddings" in given):
        raise UsageError("--pairs needs either --images or --embeddings")
    if "pairs" not in given and given & {"images", "embeddings", "columns"}:
        raise UsageError("--images, --embeddings and --columns need --pairs", hint="--pairs FILE names the pair list")
    if {"embeddings", "store_threshold"} <= given:
        raise UsageError("--store-threshold needs a model", hint="verify the model on --images instead of --embeddings")
    if {"embeddings", "model"} <= given:
        raise UsageError("--embeddings and --model exclude each other", hint="a model is used with --images")


def _check_suite(given: Set[str]) -> None:
    others = given & {"dataset", "pairs", "store_threshold"}
    if "suite" in given and others:
        name = sorted(others)[0].replace("_", "-")
        raise UsageError(
            f"--suite and --{name} exclude each other", hint="--suite verifies its own benchmarks, --dataset others"
        )
    if "leaderboard" in given and not given & {"suite", "dataset"}:
        raise UsageError(
            "--leaderboard needs --suite or --dataset", hint="its rows are of benchmarks, which others have, too"
        )


def operating_rates(rates: Sequence[float] | None) -> tuple[str, ...]:
    """Return the rates of `--fmr` as text, each once; a text means exactly the rate.

    Raises:
        UsageError: one of them is no rate.
    """
    for rate in rates or ():
        if not 0.0 < rate < 1.0:
            raise UsageError(f"--fmr {rate:g} is no rate", hint="a rate lies between 0 and 1, such as 1e-3")
    texts = {rate: rate_text(rate) for rate in rates or ()}
    return tuple(dict.fromkeys(text if float(text) == rate else repr(rate) for rate, text in texts.items()))


def _check_templates(given: Set[str]) -> None:
    if ("embeddings" in given) == ("model" in given):
        raise UsageError(
            "--templates needs either --model or --embeddings", hint="a model embeds the loose crops of the benchmark"
        )
    if "embeddings" in given and given & {"images", "flip"}:
        raise UsageError("--images and --flip need a model", hint="--model MODEL embeds the images of --templates")
    if given & {
        *("dataset", "pairs", "scores", "protocol", "report", "min_accuracy", "store_threshold", "write_scores"),
        *("columns", "impostor_scores", "distances", "on_missing", "intervals", "fmr", "wide", "quality"),
        *("suite", "leaderboard"),
    }:
        raise UsageError(
            "--templates can only be combined with --embeddings or --model and its options, --ijb-mode and --max-fnmr",
            hint="templates have no folds, so there is no accuracy",
        )


def _check_scores(given: Set[str]) -> None:
    if "pairs" in given:
        others = given & {"dataset", "suite", "leaderboard", "store_threshold", "impostor_scores"}
        if {"images", "embeddings"} <= given or ({"embeddings", "model"} <= given):
            raise UsageError("--embeddings and --model exclude each other", hint="a model is used with --images")
        if "model" in given and "images" not in given:
            raise UsageError("--model needs --images", hint="--images FOLDER has the images of --pairs")
    else:
        others = given & (_PICTURES | {"embeddings", "write_scores"})
    if others:
        name = sorted(others)[0].replace("_", "-")
        hint = "--scores FILE holds scores already"
        if name in ("images", "model", "embeddings"):
            hint = "with --pairs FILE, both may score the pairs of one list"
        raise UsageError(f"--scores and --{name} exclude each other", hint=hint)
