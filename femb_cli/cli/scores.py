"""Scores of `femb verify`: those of other programs, those that it writes, and what is said about them."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from femb_cli.cli.model_names import NamedPath
from femb_cli.cli.output import Output
from femb_cli.errors import FembError

if TYPE_CHECKING:
    from femb_cli.evaluation.verification.pair_formats.columns import ColumnChoice
    from femb_cli.evaluation.verification.pairs import PairList
    from femb_cli.evaluation.verification.result import ScoredPairs, Verification
    from femb_cli.evaluation.verification.score_files.verify import ReadScores


def column_choices(columns: str | None, *, has_both: bool) -> "tuple[ColumnChoice, ColumnChoice]":
    """Return what `--columns` says of lists of pairs, and what it says of files of scores.

    Args:
        columns: the option.
        has_both: whether there are both; the option then is about the scores if it names their column.

    Raises:
        UsageError: it says nothing that can be understood.
    """
    from femb_cli.evaluation.verification.pair_formats.columns import NO_CHOICE, ColumnChoice

    choice = NO_CHOICE if columns is None else ColumnChoice.parse(columns)
    if not has_both:
        return choice, choice
    return (NO_CHOICE, choice) if "score" in choice.columns else (choice, NO_CHOICE)


def read_lists(lists: Sequence[Path], columns: "ColumnChoice") -> "PairList":
    """Read one list of pairs, or several of one set."""
    from femb_cli.evaluation.verification.pair_file import read_pairs
    from femb_cli.evaluation.verification.pairs import join_lists

    return join_lists([read_pairs(path, None, columns) for path in lists])


def read_score_files(
    files: Sequence[NamedPath],
    impostors: Path | None,
    columns: "ColumnChoice",
    protocol: str | None,
    output: Output,
    *,
    are_distances: bool,
) -> "list[ScoredPairs]":
    """Read scores of other programs, whose files list their pairs, and say how the files were understood.

    Raises:
        FembError: as `read_scores`.
    """
    from dataclasses import replace

    from femb_cli.evaluation.verification.score_files.verify import ScoreFiles, read_scores

    found = read_scores(ScoreFiles(tuple(each.path for each in files), impostors, columns, are_distances, protocol))
    scored = [_understood(each, output) for each in found]
    names = {str(each.path): each.name for each in files}
    return [replace(each, model=names[str(each.embeddings_file)] or each.model) for each in scored]


def read_scores_of_list(
    files: Sequence[NamedPath],
    pairs: "PairList",
    columns: "ColumnChoice",
    protocol: str | None,
    output: Output,
    *,
    are_distances: bool,
    allow_missing: bool,
) -> "list[ScoredPairs]":
    """Read the scores that other programs gave to the pairs of a list, and say how the files were understood.

    Raises:
        FembError: as `read_scores_of_pairs`.
    """
    from femb_cli.evaluation.verification.score_files.of_pairs import read_scores_of_pairs

    return [
        _understood(
            read_scores_of_pairs(
                pairs,
                each.path,
                columns,
                model=each.name,
                are_distances=are_distances,
                protocol=protocol,
                allow_missing=allow_missing,
            ),
            output,
        )
        for each in files
    ]


def say_notes(lists: "Sequence[PairList]", output: Output) -> None:
    """Say how lists of pairs were understood, where that was guessed."""
    for pairs in lists:
        if pairs.note:
            output.say(f"{pairs.name}: {pairs.note}")


def with_figures(
    scored: "Sequence[ScoredPairs]", write_to: Path | None, rates: Sequence[str], output: Output, *, overwrite: bool
) -> "list[Verification]":
    """Write scores if that is wanted, and compute the figures.

    Args:
        scored: the scored pairs of each model and list.
        write_to: the file for the scores of the only one; None writes none.
        rates: the false match rates that the user chose, as text.
        output: where to say what was written and left out.
        overwrite: replace a file that exists.

    Returns:
        The figures; none if scores were written of pairs that have none.

    Raises:
        FembError: there are no figures, because all pairs are of one kind or none has a label, and no scores are
            written; or the file cannot be written.
    """
    from femb_cli.evaluation.verification.result import with_metrics
    from femb_cli.evaluation.verification.score_files.write import write_scores

    scored = [_with_missing(each, scored) for each in scored]
    if write_to is not None:
        (only,) = scored
        write_scores(write_to, only, overwrite=overwrite)
        output.say(f"wrote {write_to}")
        if not only.has_both_kinds:
            for warning in only.warnings:
                output.warn(warning)
            _show_without_figures(only, write_to, output)
            return []
        output.next(shlex.join(["femb", "verify", "--scores", str(write_to), "--protocol", only.protocol]))
    parts = [part for each in scored for part in each.of_lists()]
    without = [part for part in parts if not part.has_both_kinds]
    if len(without) == len(parts):
        for warning in parts[0].warnings:
            output.warn(warning)
        raise _without_figures(parts[0])
    for part in without:
        output.warn(f"{part.benchmark} has {_kinds(part)}: it has no figures of its own")
    results = [with_metrics(part, rates) for part in parts if part not in without]
    for each in scored:
        if each.embedded is not None and each.embeddings_file is not None and each.description is None:
            output.say(f"nothing is known about the model of {each.embeddings_file}")
    return results


def say_thresholds(results: "Sequence[Verification]", output: Output) -> None:
    """Say the thresholds at some FMRs of scores that another program made."""
    from femb_cli.evaluation.metrics.roc import unmeasured_rates

    for result in results:
        if result.embedded is None:
            kind = "distance" if result.are_distances else "score"
            metrics = result.metrics
            few = unmeasured_rates(metrics.threshold_at_fmr, metrics.num_impostor)
            shown = [
                f"{value:.6g} at FMR {rate}" for rate, value in metrics.threshold_at_fmr.items() if rate not in few
            ]
            if few:
                shown.append(
                    f"none at FMR {' and '.join(few)}, which {metrics.num_impostor:,} impostor pairs cannot show"
                )
            output.say(f"{result.model}: thresholds ({kind}): {', '.join(shown)}")


def _understood(read: "ReadScores", output: Output) -> "ScoredPairs":
    """Say how a file of scores was understood, and warn if all its scores are alike."""
    from dataclasses import replace

    for note in read.notes:
        output.say(note)
    scored = read.scored
    if scored.scores_N.min() < scored.scores_N.max():
        return scored
    alike = f"{scored.model}: all scores are {abs(scored.scores_N[0]):g}, which tell nobody apart"
    return replace(scored, warnings=(*scored.warnings, alike))


def _with_missing(scored: "ScoredPairs", all_scored: "Sequence[ScoredPairs]") -> "ScoredPairs":
    """Add a warning of pairs without a score, and that the model is not compared with those that have all."""
    from dataclasses import replace

    if not scored.num_missing or scored.listed is None:
        return scored
    what = "pairs have no score (nan)" if scored.embedded is None else "pairs lack an image (nan)"
    missing = f"{scored.num_missing:,} of {len(scored.listed):,} {what}: left out of the figures"
    others = [each for each in all_scored if each.benchmark == scored.benchmark and each is not scored]
    if any(len(each.pairs) != len(scored.pairs) for each in others):
        missing += ", which are not compared with those of models on other pairs"
    where = f"{scored.benchmark}, {scored.model}" if others else scored.benchmark
    return replace(scored, warnings=(*scored.warnings, f"{where}: {missing}"))


def _show_without_figures(scored: "ScoredPairs", path: Path, output: Output) -> None:
    """Show what was scored, if there are no figures."""
    output.say(f"no figures: {scored.benchmark} has {_kinds(scored)}")
    output.fields({**scored.to_json(), "num_pairs": len(scored.pairs), "path": str(path)})


def _without_figures(scored: "ScoredPairs") -> FembError:
    """The error for pairs that are all of one kind, or without labels."""
    from femb_cli.evaluation.verification.result import unlabelled

    if not scored.pairs.is_labelled:
        return unlabelled(scored.pairs)
    return FembError(
        f"{scored.benchmark} has {_kinds(scored)}: error rates need both kinds",
        hint="check the flags that say which pairs show one person (LFW's text: the form of the lines)",
    )


def _kinds(scored: "ScoredPairs") -> str:
    if not scored.pairs.is_labelled:
        return f"{len(scored.pairs):,} pairs without labels"
    num_genuine = int(scored.genuine_N.sum())
    return f"{num_genuine:,} genuine and {len(scored.pairs) - num_genuine:,} impostor pairs"
