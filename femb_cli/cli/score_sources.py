"""Where `femb verify` has scores from: images that models embed, a file of embeddings, or files of scores."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from femb_cli.cli.output import Output
from femb_cli.cli.verify_plan import plan_embeddings, plan_scores

if TYPE_CHECKING:
    from femb_cli.evaluation.verification.pairs import PairList
    from femb_cli.evaluation.verification.result import ScoredPairs
    from femb_cli.inference.verify_job import VerifyJob


class ScoreSource(Protocol):
    """Something that scores pairs."""

    def describe(self) -> list[dict[str, Any]]:
        """Describe what would be scored, after the checks of `score`; nothing is computed."""
        ...

    def score(self) -> "list[ScoredPairs]":
        """Score the pairs, with each model on each list; empty on all processes but the main one."""
        ...


def score_all(sources: Sequence[ScoreSource]) -> "list[ScoredPairs]":
    """Score with all sources; empty on all processes but the main one."""
    scored: list[ScoredPairs] = []
    for source in sources:
        found = source.score()
        if not found:
            return []
        scored += found
    return scored


@dataclass(frozen=True)
class EmbeddingsFile:
    """Pairs, and the file of embeddings that has their images; torch is not loaded.

    Attributes:
        pairs: the pairs.
        embeddings: the file.
        protocol: how accuracy is measured; None for the usual way.
        allow_missing: whether pairs of missing images are left out and counted.
    """

    pairs: "PairList"
    embeddings: Path
    protocol: str | None
    allow_missing: bool

    def describe(self) -> list[dict[str, Any]]:
        """As `ScoreSource.describe`."""
        return [plan_embeddings(self.pairs, self.embeddings, allow_missing=self.allow_missing)]

    def score(self) -> "list[ScoredPairs]":
        """As `ScoreSource.score`."""
        from femb_cli.evaluation.metrics.protocols import DEFAULT_PROTOCOL
        from femb_cli.evaluation.verification.result import score_embeddings

        protocol = self.protocol or DEFAULT_PROTOCOL
        return [score_embeddings(self.pairs, self.embeddings, protocol, allow_missing=self.allow_missing)]


@dataclass(frozen=True)
class Images:
    """Images that models embed; several processes embed them and share their embeddings through the cache.

    Attributes:
        job: the models and the pairs.
        num_processes: processes to embed on.
        output: where to say what is done.
        check: says how a list of pairs was understood, and refuses it before anything is embedded.
    """

    job: "VerifyJob"
    num_processes: int
    output: Output
    check: "Callable[[PairList], None]"

    def describe(self) -> list[dict[str, Any]]:
        """As `ScoreSource.describe`."""
        return self.job.describe(self.check)

    def score(self) -> "list[ScoredPairs]":
        """As `ScoreSource.score`."""
        from femb_cli.runtime.signals import interruption_says

        complete = "complete embeddings are kept, the same command starts again"
        kept = complete if self.job.use_cache else "nothing was written"
        with interruption_says(f"interrupted; {kept}"):
            return self._score()

    def _score(self) -> "list[ScoredPairs]":
        from femb_cli.inference.verify_job import cache_embeddings
        from femb_cli.runtime.launch import launch, on_main_process
        from femb_cli.runtime.ranks import inside_launcher, is_main_process

        job, output = self.job, self.output
        if inside_launcher():
            # The main process downloads the benchmarks before all processes open them.
            on_main_process(lambda: len(job.open_pair_sets(output.say, output.progress)), job.device)
        pair_sets = job.open_pair_sets(output.say, output.progress)
        for pair_set in pair_sets:
            self.check(pair_set.pairs)
        if self.num_processes > 1 and not inside_launcher():
            output.say(f"embedding on {self.num_processes} processes")
            launch(cache_embeddings, self.num_processes, job, output.progress)
        scored = job.score(pair_sets, output.progress, output.say)
        return scored if is_main_process() else []


@dataclass(frozen=True)
class GivenScores:
    """Scores of other programs, which were read already.

    Attributes:
        scored: the scores of each file.
        needs_figures: whether a file without figures is refused.
    """

    scored: "list[ScoredPairs]"
    needs_figures: bool

    def describe(self) -> list[dict[str, Any]]:
        """As `ScoreSource.describe`."""
        return plan_scores(self.scored, needs_figures=self.needs_figures)

    def score(self) -> "list[ScoredPairs]":
        """As `ScoreSource.score`."""
        return self.scored
