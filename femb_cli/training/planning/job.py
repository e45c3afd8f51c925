"""The arguments of `femb train`, and the job that femb makes of them for every training process."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from femb_cli.config.schema import TrainConfig
from femb_cli.data.source import ImageSource
from femb_cli.evaluation.verification.open import PairSet
from femb_cli.training.planning.plan import Plan


@dataclass(frozen=True)
class TrainRequest:
    """The arguments of `femb train`.

    Attributes:
        config: YAML file or name of a configuration; None for the default.
        overrides: settings from options such as `--lr`, by dotted key.
        settings: `--set` as written, `key=value`.
        processes: processes to start on this machine; None for as many as a resumed run has had, and one for a new run.
            Ignored under a launcher, which has started them.
        gpus: the value of `--gpus`; None if not given.
        out: the run's directory; None for a new one.
        resume: the run to resume, `newest` for the newest unfinished one, or None.
        data_dir: directory with the benchmarks' files.
        device: `cpu`, `cuda`, or None for a GPU if there is one.
        overwrite: replace an existing run.
    """

    config: str | None = None
    overrides: dict[str, Any] = field(default_factory=dict)
    settings: tuple[str, ...] = ()
    processes: int | None = None
    gpus: int | None = None
    out: Path | None = None
    resume: str | None = None
    data_dir: Path | None = None
    device: str | None = None
    overwrite: bool = False


@dataclass(frozen=True)
class TrainJob:
    """Everything that a training process needs.

    Attributes:
        config: the resolved configuration.
        plan: the run's size and number of processes.
        run: the run's directory, which exists.
        source: the training set without the people that are held out, open. A process that receives the job as a
            pickle opens it again.
        benchmarks: names of the benchmarks to verify on, whose files are on this machine.
        data_dir: directory with the benchmarks' files.
        device: `cpu`, or None for a GPU if there is one.
        resumed: whether the run has begun before.
        checkpoint: the checkpoint from which the run continues; None to start at the first step.
        info: what `run.json` states about the run.
        held_out: pairs of the people that are held out from training, to verify on; None if nobody is.
    """

    config: TrainConfig
    plan: Plan
    run: Path
    source: ImageSource
    benchmarks: tuple[str, ...] = ()
    data_dir: Path | None = None
    device: str | None = None
    resumed: bool = False
    checkpoint: Path | None = None
    info: dict[str, Any] = field(default_factory=dict)
    held_out: PairSet | None = None
