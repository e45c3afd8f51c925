"""A paragraph for a paper that states how the numbers of a report were measured."""

from collections.abc import Sequence

from femb_cli.evaluation.metrics.protocols import PROTOCOL_NAMES
from femb_cli.evaluation.metrics.roc import unmeasured_rates
from femb_cli.evaluation.report.contents import FMR, ReportContents
from femb_cli.evaluation.verification.comparison import Comparison
from femb_cli.evaluation.verification.means import Means
from femb_cli.evaluation.verification.result import Verification

_SCORES = {
    "cosines": "The score of a pair{} is the cosine of its two embeddings, and a pair is accepted if its score is at"
    " least the threshold.",
    "scores": "The scores{} were given; a pair is accepted if its score is at least the threshold.",
    "distances": "The scores{} were given as distances; a pair is accepted if its distance is at most the threshold.",
}
_PROTOCOLS = {
    "arcface": "the rule of arcface_torch (squared distances of unit vectors in steps of 0.01)",
    "xqlfw": "the rule of the XQLFW evaluator (cosine distances in steps of 0.001)",
    "magface": "the rule of MagFace's evaluator (angles in steps of 0.01 pi, after the mean embedding of the other"
    " folds is subtracted)",
    "magface-no-mean": "the rule of MagFace's evaluator (angles in steps of 0.01 pi) without subtracting the mean",
    "exact": "every score of the other folds tried as a threshold",
}
_MOST_NAMED = 4
"""With more results, the tables beside the paragraph have their thresholds."""
_DRAWN = {"bootstrap over subjects": "the people", "bootstrap over pairs": "the pairs"}


def methods_text(
    names: Sequence[str],
    results: Sequence[Verification],
    contents: Sequence[ReportContents],
    comparisons: Sequence[Comparison],
    versions: dict[str, str],
    means: Means | None = None,
) -> str:
    """Return the paragraph, in sentences that can be pasted.

    Args:
        names: what the report calls the model of each result.
        results: the verifications.
        contents: what is known of each beyond its metrics.
        comparisons: the comparisons of models.
        versions: name and version of each program that computed the results.
        means: the means of each model over the benchmarks; None if there are none.
    """
    programs = ", ".join(f"{name} {version}" for name, version in versions.items() if name != "System")
    sentences = [
        *_pairs(results),
        *_mirror_images(names, results),
        *_scores(names, results),
        *_accuracy(results),
        *_means(results, means),
        "FNMR at an FMR is the lowest share of genuine pairs rejected by a threshold that accepts at most"
        " floor(FMR x impostor pairs) impostor pairs; TAR at a FAR is one minus this share. The threshold is chosen on"
        " the same pairs. The EER is the mean of FMR and FNMR at the threshold where they are nearest, and the AUC is"
        " the probability that a genuine pair looks more alike by its score than an impostor pair, ties counting one"
        " half.",
        *_thresholds(names, results),
        *_intervals(results, contents),
        *_comparisons(comparisons),
        *_quality_and_groups(contents),
        f"The figures were computed with {programs}.",
    ]
    return " ".join(sentences) + "\n"


def _pairs(results: Sequence[Verification]) -> list[str]:
    """What was scored, a sentence for each list of pairs."""
    return list(
        dict.fromkeys(
            f"{result.title} has {result.metrics.num_genuine:,} genuine and {result.metrics.num_impostor:,} impostor"
            f" pairs in {result.metrics.num_folds} folds."
            for result in results
        )
    )


def _mirror_images(names: Sequence[str], results: Sequence[Verification]) -> list[str]:
    """How mirror images were used; which model is named only where they differ."""
    uses = {
        "sum": "The embedding of an image is the sum of those of the image and of its mirror image",
        "none": "Mirror images were not used",
        "as stored": "The embeddings were taken as stored",
    }
    kinds = {
        flip: list(dict.fromkeys(name for name, result in zip(names, results, strict=True) if result.flip == flip))
        for flip in uses
    }
    used = {flip: of_kind for flip, of_kind in kinds.items() if of_kind}
    return [f"{uses[flip]}{f' with {_listed(of_kind)}' if len(used) > 1 else ''}." for flip, of_kind in used.items()]


def _scores(names: Sequence[str], results: Sequence[Verification]) -> list[str]:
    """What the scores are, and which pairs are accepted; the models are named only where they differ."""
    models: dict[str, list[str]] = {sentence: [] for sentence in _SCORES.values()}
    for name, result in zip(names, results, strict=True):
        own = "cosines" if result.embedded is not None else "scores"
        models[_SCORES["distances" if result.are_distances else own]].append(name)
    used = {sentence: list(dict.fromkeys(of_kind)) for sentence, of_kind in models.items() if of_kind}
    return [sentence.format(f" of {_listed(of_kind)}" if len(used) > 1 else "") for sentence, of_kind in used.items()]


def _accuracy(results: Sequence[Verification]) -> list[str]:
    """How accuracy was measured, by each protocol."""
    sentences = []
    for protocol in PROTOCOL_NAMES:
        titles = dict.fromkeys(result.title for result in results if result.metrics.protocol == protocol)
        if titles:
            sentences.append(
                f"Accuracy on {_listed(list(titles))} is the mean over the folds; each fold is judged by the threshold"
                f" that is best on all other folds, by {_PROTOCOLS[protocol]}."
            )
    return sentences


def _thresholds(names: Sequence[str], results: Sequence[Verification]) -> list[str]:
    """The thresholds at the rates that the pairs can measure; no sentence for many results, which the tables have."""
    if len(results) > _MOST_NAMED:
        return []
    several = len({result.title for result in results}) > 1
    sentences = []
    for name, result in zip(names, results, strict=True):
        metrics = result.metrics
        rates = result.operating_rates or (FMR,)
        few = unmeasured_rates(rates, metrics.num_impostor)
        known = [f"{metrics.threshold_at_fmr[rate]:.4g} at FMR {rate}" for rate in rates if rate not in few]
        of = f"{name} on {result.title}" if several else name
        if known:
            sentences.append(f"The threshold of {of} is {_listed(known)}.")
        if few:
            sentences.append(
                f"The {metrics.num_impostor:,} impostor pairs of {result.title} cannot show an FMR of {_listed(few)}:"
                " no false match is allowed there."
            )
    return list(dict.fromkeys(sentences))


def _means(results: Sequence[Verification], means: Means | None) -> list[str]:
    """What the means are over."""
    if means is None or not means.by_model:
        return []
    titles = {result.benchmark: result.title for result in results}
    return [f"Means are unweighted, over {_listed([titles[name] for name in means.benchmarks])}."]


def _intervals(results: Sequence[Verification], contents: Sequence[ReportContents]) -> list[str]:
    """How the intervals were computed."""
    known = [(result, more.confidence) for result, more in zip(results, contents, strict=True)]
    levels = {interval.level for _, confidence in known for interval in confidence.intervals.values()}
    if not levels:
        return []
    drawn = _resampled([(confidence.method, result.title) for result, confidence in known if confidence.intervals])
    return [
        f"Intervals are {_listed([f'{100 * level:g} %' for level in sorted(levels)])} percentile intervals of 1,000"
        f" bootstrap resamples of {drawn}; the thresholds of the accuracy stay fixed, all others"
        " are chosen again for each resample, and a rate of 0 or 1 has its Clopper-Pearson interval."
    ]


def _comparisons(comparisons: Sequence[Comparison]) -> list[str]:
    """How models were compared."""
    if not comparisons:
        return []
    numbers = sorted({comparison.num_resamples for comparison in comparisons}, reverse=True)
    drawn = _resampled([(comparison.method, comparison.title) for comparison in comparisons])
    return [
        f"Two models were compared by the difference of their metrics over {_listed([f'{n:,}' for n in numbers])}"
        f" resamples of {drawn}, the same for both models; one is called better if the 95 % interval of the difference"
        " excludes 0, without correction for the number of comparisons."
    ]


def _resampled(methods: Sequence[tuple[str, str]]) -> str:
    """What was resampled; on which benchmarks is said only where it differs.

    Args:
        methods: the method and the display name of the benchmark, of each result or comparison.
    """
    titles: dict[str, dict[str, None]] = {}
    for method, title in methods:
        titles.setdefault(method, {})[title] = None
    drawn = {_DRAWN.get(method, method): list(of_method) for method, of_method in titles.items()}
    if len(drawn) == 1:
        return next(iter(drawn))
    return _listed([f"{what} on {_listed(of_method)}" for what, of_method in drawn.items()])


def _quality_and_groups(contents: Sequence[ReportContents]) -> list[str]:
    """How groups and discard curves were computed."""
    sentences = []
    if any(more.groups for more in contents):
        sentences.append(
            f"Groups were compared at the threshold of all pairs at FMR {FMR}, with Clopper-Pearson intervals (95 %,"
            " pairs taken as independent); a difference is named where intervals that hold for all groups together, and"
            " that allow for people in several pairs, do not overlap."
        )
    if any(more.discard is not None for more in contents):
        qualities = dict.fromkeys(more.quality for more in contents if more.discard is not None)
        sentences.append(
            "The error-versus-discard curve (ISO/IEC 29794-1) gives the FNMR of the remaining pairs at the fixed"
            f" threshold of all pairs at FMR {FMR}; the quality of a pair is the lower one of its two images, measured"
            f" by {_listed(list(qualities))}, and the area below the curve is taken up to 20 % discarded."
        )
    return sentences


def _listed(words: Sequence[str]) -> str:
    """Join words by commas and `and`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
