"""What `femb verify` asks of images, in a form that can be sent to several processes."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from femb_cli.checkpoints.runs import newest_finished_run
from femb_cli.evaluation.verification.open import PairSet, open_benchmark, open_pairs
from femb_cli.evaluation.verification.result import Verification
from femb_cli.inference.embedder import load_embedder
from femb_cli.inference.verify import Flip, verify
from femb_cli.progress import Progress, Say
from femb_cli.runtime.devices import join_processes


@dataclass(frozen=True)
class VerifyJob:
    """The models and the sets; see `femb verify --help`."""

    datasets: tuple[str, ...]
    pairs: Path | None
    images: Path | None
    data_dir: Path | None
    models: tuple[Path, ...]
    runs: Path
    protocol: str | None
    flip: Flip | None
    batch_size: int
    use_cache: bool
    device: str | None

    def open_pair_sets(self, say: Say, progress: Progress | None = None) -> list[PairSet]:
        """The pair list of one's own, or the benchmarks, fetched or drawn where they are not here yet."""
        if self.pairs is not None and self.images is not None:
            return [open_pairs(self.pairs, self.images, self.protocol or "arcface")]
        return [
            open_benchmark(name, self.data_dir, say=say, progress=progress, protocol=self.protocol)
            for name in self.datasets
        ]

    def run(
        self, pair_sets: list[PairSet], show: Callable[[str], AbstractContextManager[Progress | None]]
    ) -> list[Verification]:
        """Verify each model (or the newest finished run) on each set; `show` opens the progress of one of them."""
        results = []
        for path in self.models or (newest_finished_run(self.runs),):
            embedder = load_embedder(path, self.device)
            for pair_set in pair_sets:
                with show(f"{pair_set.name} with {path}") as progress:
                    results.append(
                        verify(
                            embedder,
                            pair_set,
                            flip=self.flip,
                            batch_size=self.batch_size,
                            use_cache=self.use_cache,
                            progress=progress,
                        )
                    )
        return results


def keep_embeddings(job: VerifyJob) -> None:
    """Embed what a job needs, on each of its processes, and keep it for the process that will score it."""
    join_processes(job.device)
    job.run(job.open_pair_sets(say=lambda text: None), lambda text: nullcontext())
