"""A training session from request to result: everything that can fail cheaply fails before a process is started."""

import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from femb_cli.checkpoints.runs import (
    CONFIG,
    RUN_SUMMARY,
    create_run,
    is_run,
    newest_unfinished_run,
    run_checkpoints,
    run_path,
    write_config,
    write_summary,
)
from femb_cli.config.load import config_path, dump_config, load_config
from femb_cli.config.schema import DatasetConfig, SyntheticConfig, TrainConfig
from femb_cli.errors import FembError, UsageError
from femb_cli.progress import Progress, Say
from femb_cli.runtime.launch import launch
from femb_cli.runtime.ranks import is_main_process
from femb_cli.training.plan import Plan, make_plan

logger = logging.getLogger("femb")

DEFAULT_CONFIG = "quickstart"
NUM_SAMPLES = 6


@dataclass(frozen=True)
class Request:
    """What a person asked for; see `femb train --help`."""

    config: str | None = None
    overrides: dict[str, Any] = field(default_factory=dict)
    settings: tuple[str, ...] = ()
    processes: int = 1
    gpus: int | None = None
    out: Path | None = None
    resume: str | None = None
    data_dir: Path | None = None
    device: str | None = None
    overwrite: bool = False


@dataclass(frozen=True)
class Job:
    """What every process of a session needs to know.

    Attributes:
        config: the resolved configuration.
        run: the run's folder, made already.
        data: the training set, drawn already if it is synthetic.
        benchmarks: names of what to verify on, fetched already.
        data_dir: where the benchmarks are.
        device: `cpu`, or None for a GPU where there is one.
        plan: the run's size, and the number of processes.
        resumed: whether to go on from the run's newest checkpoint.
    """

    config: TrainConfig
    run: Path
    data: Path
    benchmarks: tuple[str, ...]
    data_dir: Path | None
    device: str | None
    plan: Plan
    resumed: bool


def resolve(request: Request) -> tuple[TrainConfig, Path | None]:
    """The configuration of a request, and the run that it goes on with, if any."""
    if request.resume is None:
        return _resolve_new(request), None
    if request.config is not None or request.out is not None or "init.checkpoint" in request.overrides:
        raise UsageError(
            "a resumed run has its own configuration, folder and weights", hint="leave CONFIG, --out and --init away"
        )
    run = newest_unfinished_run() if request.resume == "newest" else Path(request.resume)
    if not is_run(run):
        raise FembError(f"{run} is not a run: it has no {CONFIG} and checkpoints/")
    return load_config(run / CONFIG, request.settings, request.overrides), run


def _resolve_new(request: Request) -> TrainConfig:
    config = load_config(request.config or DEFAULT_CONFIG, request.settings, request.overrides)
    if config.init.checkpoint is None:
        return config
    from femb_cli.checkpoints.store import open_checkpoint
    from femb_cli.training.warm_start import load_config_from

    initial = open_checkpoint(Path(config.init.checkpoint))
    return load_config_from(initial, request.config, DEFAULT_CONFIG, request.settings, request.overrides)


def _check_classifier(config: TrainConfig, plan: Plan) -> None:
    """Check that the class weights that a run is to start from fit its data."""
    from femb_cli.training.warm_start import check_classifier, initial_checkpoint

    if initial := initial_checkpoint(config):
        check_classifier(initial, (plan.num_identities, config.backbone.embedding_dim))


def describe(request: Request) -> dict[str, Any]:
    """The resolved configuration and the plan of a request, without doing anything."""
    config, run = resolve(request)
    plan = make_plan(config, request.processes)
    if config.init.classifier and run is None:
        _check_classifier(config, plan)
    return {
        "config": dump_config(config),
        "run": str(run or request.out or run_path(config)),
        "starts_from": _start_of(config, run),
        "images": plan.num_images,
        "identities": plan.num_identities,
        "batch_size": plan.batch_size,
        "processes": plan.processes,
        "steps_per_epoch": round(plan.steps_per_epoch, 2),
        "epochs": round(plan.epochs, 2),
        "steps": plan.steps,
        "softmax": plan.softmax.reason,
        "checkpoints": -(-plan.steps // config.checkpoint.every),
    }


def _start_of(config: TrainConfig, run: Path | None) -> str:
    """Where the weights of a run's first step come from."""
    if run is not None and (steps := run_checkpoints(run)):
        return str(steps[-1])
    if config.init.checkpoint is None:
        return "random weights"
    return f"{config.init.checkpoint} ({'with' if config.init.classifier else 'new'} class weights)"


def prepare(request: Request, *, say: Say, progress: Progress | None = None) -> Job:
    """Check a request, draw or open its data, find its benchmarks and make the run's folder.

    Raises:
        FembError: something is missing or does not fit; nothing has been written then.
    """
    from femb_cli.data.open import open_source
    from femb_cli.data.source import check_identities
    from femb_cli.data.synthetic.sets import synthetic_training_set
    from femb_cli.evaluation.verification.open import open_benchmark

    config, resumed = resolve(request)
    plan = make_plan(config, request.processes)
    _check_hardware(request)
    if config.init.classifier and resumed is None:
        _check_classifier(config, plan)
    if isinstance(config.data, SyntheticConfig):
        data = synthetic_training_set(config.data, say=say, progress=progress)
    else:
        data = Path(config.data.path)
        check_identities(open_source(data))
    benchmarks = config.validation.benchmarks
    if benchmarks is None:
        benchmarks = ("synthetic",) if isinstance(config.data, SyntheticConfig) else ()
    for name in benchmarks:
        pair_set = open_benchmark(name, request.data_dir, say=say, progress=progress)
        pair_set.pairs.indices(pair_set.images.names)
    run = resumed or request.out or run_path(config)
    if resumed:
        _check_unfinished(run, plan)
        write_config(run, config)
        (run / RUN_SUMMARY).unlink(missing_ok=True)
    else:
        _refuse_own_start(run, config)
        create_run(run, config, overwrite=request.overwrite)
    if request.config is None and isinstance(config.data, DatasetConfig) and not resumed:
        say(
            f"no CONFIG given: training the small network of {config_path(DEFAULT_CONFIG).name};"
            " femb list configs shows others"
        )
    device = None if request.device in (None, "cuda") else request.device
    return Job(config, run, data, benchmarks, request.data_dir, device, plan, resumed is not None)


def start(job: Job, set_up_logging: Callable[..., None], quiet: bool) -> dict[str, Any] | None:
    """Run a job on its processes; the result on the main process, None on others."""
    config, plan = job.config, job.plan
    logger.info(
        f"training {config.backbone.name} with {config.header.name} on {plan.num_images} images of"
        f" {plan.num_identities} people: {plan.steps} steps of {plan.batch_size}, into {job.run}"
    )
    logger.info(f"softmax: {plan.softmax.reason}")
    if config.init.checkpoint is not None and not job.resumed:
        logger.info(f"starting from {config.init.checkpoint}")
    return launch(work, plan.processes, job, set_up_logging, quiet)


def work(job: Job, set_up_logging: Callable[..., None], quiet: bool) -> dict[str, Any] | None:
    """What each process of a session does."""
    set_up_logging(quiet=quiet)
    from femb_cli.checkpoints.store import open_checkpoint
    from femb_cli.evaluation.verification.open import open_benchmark
    from femb_cli.training.loop import train

    started = time.perf_counter()
    benchmarks = [open_benchmark(name, job.data_dir, say=logger.info) for name in job.benchmarks]
    resume = open_checkpoint(job.run) if job.resumed and run_checkpoints(job.run) else None
    result = train(job.config, job.run, job.data, benchmarks=benchmarks, device=job.device, resume=resume)
    if not is_main_process():
        return None
    summary = {
        "run": str(job.run),
        "steps": result.steps,
        "loss": result.loss,
        "seconds": round(time.perf_counter() - started, 1),
        "verification": _as_one(result.verifications),
        "samples": "synthetic" in job.benchmarks,
        "processes": result.processes,
    }
    if summary["samples"]:
        _leave_samples(job.run)
    write_summary(job.run, summary)
    return summary


def _as_one(verifications: list[dict[str, Any]]) -> dict[str, Any] | None:
    """One result stands for itself, as in `femb verify --json`; several are a list."""
    if len(verifications) > 1:
        return {"results": verifications}
    return verifications[0] if verifications else None


def _leave_samples(run: Path) -> None:
    """Copy a few images of the synthetic benchmark into the run, to try `femb embed` on."""
    from femb_cli.data.synthetic.sets import synthetic_benchmark

    images = sorted((synthetic_benchmark(say=logger.info) / "images").glob("*/*.jpg"))[:NUM_SAMPLES]
    (run / "samples").mkdir(exist_ok=True)
    for image in images:
        shutil.copy(image, run / "samples" / image.name)


def _check_unfinished(run: Path, plan: Plan) -> None:
    done = [int(folder.name.removeprefix("step-")) for folder in run_checkpoints(run)]
    if done and done[-1] >= plan.steps:
        raise FembError(
            f"the run {run} has finished its {plan.steps} steps", hint=f"--steps {2 * plan.steps} trains it further"
        )


def _refuse_own_start(run: Path, config: TrainConfig) -> None:
    """Refuse to overwrite the run that the weights are to come from."""
    if config.init.checkpoint and run.resolve() in Path(config.init.checkpoint).resolve().parents:
        raise UsageError(f"the run {run} would overwrite the checkpoint that it starts from", hint="another --out")


def _check_hardware(request: Request) -> None:
    from femb_cli.runtime.devices import check_devices, pick_device

    pick_device(request.device)
    if request.device not in (None, "cpu", "cuda"):
        raise UsageError(
            f"femb train runs on cpu or cuda, not on {request.device!r}",
            hint="CUDA_VISIBLE_DEVICES chooses among several GPUs",
        )
    check_devices(request.processes, request.gpus, request.device)
