"""The arguments of `femb verify` for images, as an object that can be pickled for several processes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femb_cli.checkpoints.runs import newest_finished_run
from femb_cli.checkpoints.store import open_checkpoint
from femb_cli.errors import FembError
from femb_cli.evaluation.verification.checks import pair_warnings
from femb_cli.evaluation.verification.open import PairSet, first_step, open_benchmark, open_pair_lists
from femb_cli.evaluation.verification.overlap import find_overlap, overlap_warning
from femb_cli.evaluation.verification.pair_formats.columns import NO_CHOICE, ColumnChoice
from femb_cli.evaluation.verification.pairs import PairList
from femb_cli.evaluation.verification.result import ScoredPairs, Verification, find_images, with_metrics
from femb_cli.inference.align import Alignment, align_source, survey_source
from femb_cli.inference.embed import unreadable_hint
from femb_cli.inference.embed_job import read_card
from femb_cli.inference.embedder import Embedder, is_onnx, load_embedder
from femb_cli.inference.image_warnings import image_warnings
from femb_cli.inference.verify import Flip, score
from femb_cli.progress import Say, ShowProgress, silent, unseen
from femb_cli.runtime.devices import join_process_group, pick_device


@dataclass(frozen=True)
class VerifyJob:
    """The models, and the benchmarks or the pair list with its images; see `femb verify --help`."""

    datasets: tuple[str, ...]
    pairs: tuple[Path, ...]
    images: Path | None
    data_dir: Path | None
    models: tuple[Path, ...]
    runs: Path
    protocol: str | None
    alignment: Alignment
    flip: Flip | None
    batch_size: int | None
    exact: bool
    use_cache: bool
    device: str | None
    columns: ColumnChoice = NO_CHOICE
    labels: tuple[str, ...] = ()
    """What to call each model; empty for its own name."""
    allow_missing: bool = False

    def open_pair_sets(self, say: Say, show_progress: ShowProgress = unseen) -> list[PairSet]:
        """Open the pair list, or all benchmarks; `open_benchmark` downloads or draws them if needed."""
        if self.pairs and self.images is not None:
            return [open_pair_lists(self.pairs, self.images, self.protocol, self.columns)]
        return [
            open_benchmark(name, self.data_dir, say=say, show_progress=show_progress, protocol=self.protocol)
            for name in self.datasets
        ]

    def check(self) -> None:
        """Refuse a device, a benchmark or a model that is not here, before a benchmark is downloaded or drawn.

        Raises:
            FembError: there is none, or it is damaged.
        """
        pick_device(self.device)
        if self.pairs:  # nothing is downloaded
            return
        for name in self.datasets:
            first_step(name, self.data_dir)
        for path in self._models():
            read_card(path)

    def describe(self, check: Callable[[PairList], None]) -> list[dict[str, Any]]:
        """Describe what `open_pair_sets` and `score` would do; nothing is downloaded, drawn, unpacked or embedded.

        Args:
            check: called with each list of pairs that is here, to refuse it.

        Returns:
            For each list of pairs what it holds, or what has to be done before femb can see that.

        Raises:
            FembError: as `open_pair_sets` and `score` before they find a face or embed an image.
        """
        steps = {} if self.pairs else {name: first_step(name, self.data_dir) for name in self.datasets}
        here = replace(self, datasets=tuple(name for name in self.datasets if not steps.get(name)))
        pair_sets = here.open_pair_sets(silent)
        for pair_set in pair_sets:
            check(pair_set.pairs)
        embedders = [load_embedder(path, self.device) for path in self._models()]
        described = [self._describe(pair_set, embedders[0].preprocessing.input_size) for pair_set in pair_sets]
        described += [{"benchmark": name, "first": step} for name, step in steps.items() if step]
        names = ", ".join(label or each.name for each, label in zip(embedders, self._labels(), strict=True))
        return [{**each, "model": names} for each in described]

    def _describe(self, pair_set: PairSet, input_size: int) -> dict[str, Any]:
        """Find the images of a list of pairs, and return what it holds."""
        pairs = pair_set.pairs
        found = find_images(pairs, pair_set.images.names, allow_missing=self.allow_missing)
        pair_warnings(found.pairs, found.left_N, found.right_N)
        used_N = np.unique(np.concatenate([found.left_N, found.right_N]))
        survey = survey_source(pair_set.images, self.alignment, input_size=input_size, rows_N=used_N)
        return {
            "benchmark": pair_set.name,
            "protocol": pair_set.protocol,
            "num_pairs": len(pairs),
            **({"num_missing": len(pairs) - len(found.pairs)} if self.allow_missing else {}),
            "num_images": len(used_N),
            "num_photos": survey.num_photos,
        }

    def _models(self) -> tuple[Path, ...]:
        return self.models or (newest_finished_run(self.runs),)

    def _labels(self) -> Sequence[str]:
        return self.labels or [""] * len(self._models())

    def run(self, pair_sets: list[PairSet], show_progress: ShowProgress, say: Say = silent) -> list[Verification]:
        """Verify every model (or the newest finished run) on every pair set; arguments as `score`."""
        return [with_metrics(scored) for scored in self.score(pair_sets, show_progress, say)]

    def score(self, pair_sets: list[PairSet], show_progress: ShowProgress, say: Say = silent) -> list[ScoredPairs]:
        """Score every pair set with every model, or with the newest finished run.

        Args:
            pair_sets: the pair sets.
            show_progress: shows the progress of each verification.
            say: called with a sentence on photos among the images.
        """
        results = []
        for path, label in zip(self._models(), self._labels(), strict=True):
            embedder = load_embedder(path, self.device, exact=self.exact)
            people_U = _people_of(path)
            for pair_set in pair_sets:
                name = label or embedder.name
                with unreadable_hint("repair the image, or remove its pairs from the list"):
                    scored = self._score_one(embedder, name, pair_set, show_progress, say)
                warnings = _people_warnings(people_U, name, pair_set)
                results.append(replace(scored, model=name, warnings=(*scored.warnings, *warnings)))
        return results

    def _score_one(
        self, embedder: Embedder, name: str, pair_set: PairSet, show_progress: ShowProgress, say: Say
    ) -> ScoredPairs:
        """Score one pair set with one model, which has a name in warnings if there are several."""
        said: list[str] = []
        where = f"{pair_set.name}, {name}" if len(self.models) > 1 else pair_set.name

        def warn(text: str) -> None:
            said.append(f"{where}: {text}")
            say(f"warning: {said[-1]}")

        aligned = self._align(pair_set, embedder, say, warn, show_progress)
        with show_progress(f"embedding {pair_set.name} with {name}") as progress:
            scored = score(
                embedder,
                aligned,
                flip=self.flip,
                batch_size=self.batch_size,
                use_cache=self.use_cache,
                allow_missing=self.allow_missing,
                progress=progress,
            )
        return replace(scored, said=tuple(said))

    def _align(
        self, pair_set: PairSet, embedder: Embedder, say: Say, warn: Say, show_progress: ShowProgress
    ) -> PairSet:
        """Return a pair set with the aligned faces of its images, if some of them are photos.

        Raises:
            FembError: no face is found in a photo, or it cannot be read.
        """
        places = pair_set.pairs.indices(pair_set.images.names, allow_missing=self.allow_missing)
        used_N = np.unique(np.concatenate(places))
        used_N = used_N[used_N >= 0]
        input_size = embedder.preprocessing.input_size
        survey = survey_source(pair_set.images, self.alignment, input_size=input_size, rows_N=used_N.astype(np.int64))
        if survey.note:
            say(f"{pair_set.name}: {survey.note}")
        for warning in image_warnings(embedder.card, survey, [pair_set.images.path]):
            warn(warning)
        with show_progress(f"finding faces of {pair_set.name}") as progress:
            aligned = align_source(survey, progress=progress)
        if aligned.without_face and not self.allow_missing:
            raise FembError(
                f"no face was found in {len(aligned.without_face):,} of {aligned.num_photos:,} photos of"
                f" {pair_set.name}, the first is {aligned.without_face[0]!r}",
                hint="--on-missing nan leaves their pairs out; or align the faces by hand, as images of 112 x 112",
            )
        if aligned.without_face:
            warn(f"no face in {len(aligned.without_face):,} of {aligned.num_photos:,} photos")
        return replace(pair_set, images=aligned.source) if aligned.num_photos else pair_set


def _people_of(model: Path) -> NDArray[np.int64]:
    """The digests of the names of the people that a model was trained on, int64 (U,); none if it does not say."""
    return np.empty(0, np.int64) if is_onnx(model) else open_checkpoint(model).people()


def _people_warnings(people_U: NDArray[np.int64], model: str, pair_set: PairSet) -> list[str]:
    """Return a sentence if a model was trained on people of the benchmark, by their names."""
    overlap = find_overlap(people_U, pair_set.pairs)
    if not overlap.people:
        return []
    return [overlap_warning(overlap, pair_set.name, f"are among those that {model} was trained on")]


def cache_embeddings(job: VerifyJob, show_progress: ShowProgress = unseen) -> None:
    """Run a job on each of several processes, so that its embeddings are in the cache for the process that reports."""
    join_process_group(job.device)
    job.score(job.open_pair_sets(silent), show_progress)
