"""Run `femb train`: prepare the run, launch its processes, and write the summary.

`prepare_run` finds errors before a process is started or a file is written, as far as the checks are cheap.
"""

import logging
import os
import shutil
import time
import warnings
from pathlib import Path
from typing import Any

from femb_cli import __version__
from femb_cli.checkpoints.runs import HELD_OUT, SAMPLES, checkpoint_path, checkpoint_step, run_path, write_summary
from femb_cli.config.load import dump_config
from femb_cli.config.schema import DatasetConfig, SyntheticConfig, TrainConfig
from femb_cli.data.channels import channels_of
from femb_cli.data.colours import describe_swapped, survey_colours
from femb_cli.data.files.unread import describe_unread
from femb_cli.data.open import open_source
from femb_cli.data.people_remarks import doubt_of, guess_of
from femb_cli.data.source import ImageSource, check_identities
from femb_cli.data.survey import warn_of_photos
from femb_cli.errors import FembError, UsageError
from femb_cli.evaluation.verification.open import PairSet, first_step, open_benchmark
from femb_cli.evaluation.verification.pair_file import pairs_text
from femb_cli.files import write_text
from femb_cli.progress import Say, ShowProgress, silent, unseen
from femb_cli.runtime.launch import launch
from femb_cli.runtime.logging import show_live_line
from femb_cli.runtime.ranks import inside_launcher, is_main_process, world_size
from femb_cli.runtime.signals import Interrupted
from femb_cli.text import counted
from femb_cli.training.optim.schedule import batch_scale, longer_warmup
from femb_cli.training.planning.compile_plan import choose_compilation
from femb_cli.training.planning.held_out import NAME as HELD_OUT_NAME
from femb_cli.training.planning.held_out import HeldOut, hold_out
from femb_cli.training.planning.job import TrainJob, TrainRequest
from femb_cli.training.planning.plan import Plan, make_plan
from femb_cli.training.planning.resolve import open_dataset, resolve, resumed_run
from femb_cli.training.planning.resume import check_same_experiment, check_steps_left, sound_checkpoint
from femb_cli.training.planning.verification import (
    benchmarks_of,
    check_verification,
    compare_people,
    describe_verification,
)
from femb_cli.training.run.best_checkpoint import check_best_benchmark
from femb_cli.training.run.data_identity import data_identity
from femb_cli.training.run.run_directory import (
    RunLock,
    check_replaceable,
    create_run,
    put_back_replaced_run,
    read_info,
    replaced_run,
)
from femb_cli.training.run.trackers import check_trackers

logger = logging.getLogger("femb")

NUM_SAMPLES = 6


# ---- The plan


def describe(request: TrainRequest, *, say: Say = silent) -> dict[str, Any]:
    """Return the resolved configuration and the plan of a request, without writing anything.

    Raises:
        FembError: the training could not start, as far as that is known without drawing or downloading anything.
    """
    resumed = resumed_run(request)
    config, source, held_out, plan = _decide(request, resumed, say)
    if scaled := _scaled_learning_rate(config):
        say(scaled)
    checkpoint = None
    if _depends_on_hardware(request, config):  # torch takes seconds to load
        _check_hardware(request, config, plan.processes, say)
    _check_feasible(request, config, plan, resumed=resumed is not None)
    if source is not None:
        check_identities(source)
    _look_at_benchmarks(config, held_out.training if held_out else source, request.data_dir, say)
    if resumed is not None:
        info = None if source is None else _describe_conditions(request, plan, source)
        checkpoint = _check_resumable(resumed, config, plan, info, say)
    return {
        "config": dump_config(config),
        "run": str(resumed or request.out or run_path(config)),
        "starts_from": _starting_point(config, checkpoint),
        "images": plan.num_images,
        "identities": plan.num_identities,
        "held_out_identities": held_out.num_people if held_out else 0,
        "batch_size": plan.batch_size,
        "processes": plan.processes,
        "steps_per_epoch": round(plan.steps_per_epoch, 2),
        "epochs": round(plan.epochs, 2),
        "steps": plan.steps,
        "learning_rate": float(f"{config.optimizer.lr * batch_scale(config.optimizer, config.batch_size):.6g}"),
        "softmax": plan.softmax.reason,
        "verification": describe_verification(config, held_out.num_people if held_out else 0, plan.steps),
        "checkpoints": -(-plan.steps // config.checkpoint.every),
    }


def _decide(
    request: TrainRequest, resumed: Path | None, say: Say
) -> tuple[TrainConfig, ImageSource | None, HeldOut | None, Plan]:
    """Resolve a request, and decide what its configuration leaves open.

    Returns:
        The configuration, the training set (None if it is still to be drawn), what is held out of it, and the plan.

    Warns:
        UserWarning: files of the training set are no images, or its identities tell nobody from anybody.
    """
    config, source = resolve(request, resumed, say)
    source = source or open_dataset(config, request, resumed)
    if source is not None:
        if guess := guess_of(source):
            say(guess)
        for warning in filter(None, (describe_unread(source), doubt_of(source))):
            warnings.warn(warning, stacklevel=2)
        _warn_of_colours(source, say)
    config, held_out = hold_out(config, source, resumed=resumed is not None, say=say)
    plan = make_plan(config, _planned_processes(request, resumed), held_out.training if held_out else source)
    if longer := longer_warmup(config.schedule, plan.steps, plan.steps_per_epoch):
        say(f"warning: {longer}")
    check_verification(request, config, held_out.num_people if held_out else 0, say)
    config = choose_compilation(config, plan, request.device, resumed=resumed is not None, say=say)
    return config, source, held_out, plan


def _starting_point(config: TrainConfig, checkpoint: Path | None) -> str:
    """Describe the run's initial weights: a checkpoint, or random ones."""
    if checkpoint is not None:
        return str(checkpoint)
    if config.init.checkpoint is None:
        return "random weights"
    return f"{config.init.checkpoint} ({'with' if config.init.classifier else 'new'} class weights)"


def _planned_processes(request: TrainRequest, resumed: Path | None) -> int:
    """Return how many processes train: those of the launcher, or as the request says, or as the run has had."""
    if inside_launcher():
        return world_size()
    info = None if request.processes or resumed is None else read_info(resumed)
    return request.processes or (info["processes"] if info else 1)


# ---- The run


def prepare_run(request: TrainRequest, lock: RunLock, *, say: Say, show_progress: ShowProgress = unseen) -> TrainJob:
    """Check a request, open or draw its training set, fetch its benchmarks, and make the directory of a new run.

    A run that is resumed is not changed here, but by the process that has loaded its checkpoint (`reopen_run`).

    Args:
        request: the arguments of `femb train`.
        lock: keeps other processes out of the run, from now until the caller closes it.
        say: prints a line for the user.
        show_progress: shows the progress of what is drawn or downloaded.

    Raises:
        FembError: something is missing or does not fit; no run has been made or changed.
    """
    resumed = resumed_run(request)
    if resumed is not None:
        lock.take(resumed)
    config, source, held_out, plan = _decide(request, resumed, say)
    _check_hardware(request, config, plan.processes, say)
    _check_feasible(request, config, plan, resumed=resumed is not None)
    source = source or _draw_training_set(config, say, show_progress)
    check_identities(source)
    if isinstance(config.data, DatasetConfig):
        _warn_of_photos(source, config, say)
    info = _describe_conditions(request, plan, source)
    checkpoint = None if resumed is None else _check_resumable(resumed, config, plan, info, say)
    training = held_out.training if held_out else source
    benchmarks = benchmarks_of(config)
    opened = [_open_benchmark(name, request.data_dir, say, show_progress) for name in benchmarks]
    if isinstance(config.data, DatasetConfig):
        compare_people(config.data, training, opened, say)
    run = resumed or request.out or run_path(config)
    if resumed is None:
        create_run(run, config, info, lock, overwrite=request.overwrite)
        if replaced_run(run).is_dir():
            say(f"the run that {run} replaces stays in {replaced_run(run)} until the first checkpoint is saved")
    device = None if request.device in ("cuda", "gpu") else request.device
    return TrainJob(
        config,
        plan,
        run,
        training,
        benchmarks,
        request.data_dir,
        device,
        resumed=resumed is not None,
        checkpoint=checkpoint,
        info=info,
        held_out=held_out.pairs_of(run) if held_out else None,
    )


def _describe_conditions(request: TrainRequest, plan: Plan, source: ImageSource) -> dict[str, Any]:
    """Return what `run.json` states: on what a run trains, and with what."""
    from femb_cli.runtime.devices import pick_device
    from femb_cli.runtime.launch import threads_of_a_process

    return {
        "femb_version": __version__,
        "processes": plan.processes,
        "device": pick_device(request.device).type,
        "threads": threads_of_a_process(plan.processes),
        "data": data_identity(source),
    }


def _check_resumable(run: Path, config: TrainConfig, plan: Plan, info: dict[str, Any] | None, say: Say) -> Path | None:
    """Check that a run can go on, and return the checkpoint from which; None if it has none yet.

    Args:
        run: the run that is resumed.
        config: its configuration with the settings of this command.
        plan: its size.
        info: what it will train on; None if that is not known, as the faces are not drawn yet.
        say: prints a line for the user.
    """
    lines: list[str] = []
    checkpoint = sound_checkpoint(run, lines.append)
    check_same_experiment(run, config, info, plan, lines.append, checkpoint)
    if checkpoint is not None:
        check_steps_left(run, plan, checkpoint_step(checkpoint) or 0)
    elif replaced_run(run).is_dir():
        lines.append(
            f"{run} has no checkpoint yet; the run that it replaces is in {replaced_run(run)} until it has one"
        )
    for line in lines:  # only now is it certain that the run goes on
        say(line)
    return checkpoint


def _draw_training_set(config: TrainConfig, say: Say, show_progress: ShowProgress) -> ImageSource:
    """Open the synthetic training set, and draw it first if the cache does not have it."""
    from femb_cli.data.synthetic.sets import synthetic_training_set

    assert isinstance(config.data, SyntheticConfig), "any other training set is open already"
    return open_source(synthetic_training_set(config.data, say=say, show_progress=show_progress))


def _open_benchmark(name: str, data_dir: Path | None, say: Say, show_progress: ShowProgress = unseen) -> PairSet:
    """Open a benchmark, fetched or drawn if it is not here, and check that it has the images of its pairs."""
    benchmark = open_benchmark(name, data_dir, say=say, show_progress=show_progress)
    benchmark.pairs.indices(benchmark.images.names)
    return benchmark


def _look_at_benchmarks(config: TrainConfig, training: ImageSource | None, data_dir: Path | None, say: Say) -> None:
    """Check the benchmarks of a dry run as far as they are here; nothing is downloaded, drawn or unpacked."""
    opened = []
    for name in benchmarks_of(config):
        step = first_step(name, data_dir)
        if step and isinstance(config.data, DatasetConfig):
            say(f"{name}: {step} by the run; a dry run does not compare its people with those of the training set")
        if not step:
            opened.append(_open_benchmark(name, data_dir, say))
    if isinstance(config.data, DatasetConfig) and training is not None:
        compare_people(config.data, training, opened, say)


def _warn_of_photos(source: ImageSource, config: TrainConfig, say: Say) -> None:
    """Warn if the training set holds photos instead of aligned faces."""
    advice = "photos are resized; femb convert --align auto makes a training set of their aligned faces"
    if warning := warn_of_photos(source, other_sizes=[config.backbone.input_size], advice=advice):
        say(f"warning: {warning}")


def _warn_of_colours(source: ImageSource, say: Say) -> None:
    """Warn if red and blue look swapped in the images as training sees them."""
    other = "rgb" if channels_of(source) == "bgr" else "bgr"
    advice = f"--set data.channels={other} puts them right here, and femb convert --channels {other} for every command"
    if warning := describe_swapped(survey_colours(source), advice):
        say(f"warning: {warning}")


def _scaled_learning_rate(config: TrainConfig) -> str | None:
    """Say which learning rate a run has if its batch is not the one that the configured rate is for."""
    scale = batch_scale(config.optimizer, config.batch_size)
    if scale == 1:
        return None
    return (
        f"learning rate {config.optimizer.lr * scale:.3g}: {config.optimizer.lr:g} is for a batch of"
        f" {config.optimizer.lr_batch_size}, this one has {config.batch_size} (--lr sets another)"
    )


def _other_load(device: str | None) -> str | None:
    """Say that other programs keep the cores busy on which a run computes; None if they do not, or on a GPU."""
    from femb_cli.runtime.devices import pick_device

    cores = os.cpu_count() or 1
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load <= cores or pick_device(device).type != "cpu":
        return None
    advice = "" if os.environ.get("OMP_NUM_THREADS") == "1" else "; OMP_NUM_THREADS=1 may help"
    return (
        f"other programs keep the {counted(cores, 'core')} of this machine busy (load {load:.1f}): training will be"
        f" slower{advice}"
    )


# ---- The processes


def launch_run(job: TrainJob) -> dict[str, Any] | None:
    """Train on the job's processes; return the run's summary on the main process, None on others."""
    config, plan = job.config, job.plan
    logger.info(f"training {config.backbone.name} with {config.header.name}, into {job.run}")
    logger.info(
        f"{counted(plan.num_images, 'image')} of {counted(plan.num_identities, 'person', 'people')}:"
        f" {counted(plan.steps, 'step')} of {counted(plan.batch_size, 'image')}"
    )
    if job.checkpoint is not None:
        logger.info(f"going on from {job.checkpoint}")
    logger.info(f"softmax: {plan.softmax.reason}")
    if scaled := _scaled_learning_rate(config):
        logger.info(scaled)
    if busy := _other_load(job.device):
        logger.info(busy)
    logger.info(f"curves: tensorboard --logdir {job.run}, or femb report {job.run}")
    if config.init.checkpoint is not None and not job.resumed:
        logger.info(f"starting from {config.init.checkpoint}")
    try:
        return launch(run_worker, plan.processes, job)
    except Interrupted as interruption:
        if is_main_process() and put_back_replaced_run(job.run):
            message = f"interrupted before the first checkpoint: {job.run} is again the run that it was before"
            raise Interrupted(interruption.signal_number, message) from None
        raise
    except FembError as error:
        if is_main_process() and put_back_replaced_run(job.run):
            error.hint = f"{error.hint}; {job.run}" if error.hint else str(job.run)
            error.hint += " is again the run that it was before"
        elif error.hint is None:
            error.hint = f"femb train --resume {job.run} goes on"
        raise


def run_worker(job: TrainJob) -> dict[str, Any] | None:
    """Train on one of the job's processes; return the run's summary on the main process, None on others."""
    from femb_cli.training.loop import train

    started = time.perf_counter()
    benchmarks = [open_benchmark(name, job.data_dir, say=logger.info) for name in job.benchmarks]
    if job.held_out is not None:
        benchmarks.append(job.held_out)
        if is_main_process() and not (job.run / HELD_OUT).exists():
            write_text(job.run / HELD_OUT, pairs_text(job.held_out.pairs))
    try:
        result = train(job, benchmarks)
    finally:
        show_live_line("")
    if not is_main_process():
        return None
    summary = {
        "run": str(job.run),
        "steps": job.plan.steps,
        "loss": result.loss,
        "seconds": round(time.perf_counter() - started, 1),
        "resumed_from": checkpoint_step(job.checkpoint) if job.checkpoint else None,
        "benchmarks": list(job.benchmarks),
        "verification": _merge(result.verifications),
        "best": _describe_best(job),
        **result.speed,
        "held_out": _describe_held_out(job),
        "samples": "synthetic" in job.benchmarks,
        "processes": job.plan.processes,
    }
    if summary["samples"]:
        _copy_samples(job.run)
    write_summary(job.run, summary)
    return summary


def _describe_best(job: TrainJob) -> dict[str, Any] | None:
    """Return the run's best verification with its checkpoint; None if it keeps none."""
    from femb_cli.training.run.best_checkpoint import find_best

    best = find_best(job.run, job.config)
    return None if best is None else {**best._asdict(), "checkpoint": str(checkpoint_path(job.run, best.step))}


def _describe_held_out(job: TrainJob) -> dict[str, str] | None:
    """Return what `femb verify` needs for the people that are held out; None if nobody is."""
    if job.held_out is None or not isinstance(job.config.data, DatasetConfig):
        return None
    return {"pairs": str(job.held_out.pairs.path), "images": job.config.data.path}


def _merge(verifications: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return one result as it is and several as a list, as `femb verify --json` does; None if there are none."""
    if len(verifications) > 1:
        return {"results": verifications}
    return verifications[0] if verifications else None


def _copy_samples(run: Path) -> None:
    """Copy a few images of the synthetic benchmark into the run, to try `femb embed` on."""
    from femb_cli.data.synthetic.sets import synthetic_benchmark

    images = sorted((synthetic_benchmark(say=logger.info) / "images").glob("*/*.jpg"))[:NUM_SAMPLES]
    (run / SAMPLES).mkdir(exist_ok=True)
    for image in images:
        shutil.copy(image, run / SAMPLES / image.name)


# ---- The checks


def _check_feasible(request: TrainRequest, config: TrainConfig, plan: Plan, *, resumed: bool) -> None:
    """Refuse what could train on no machine, and a place for the run that is taken."""
    check_trackers(config.trackers)
    benchmarks = benchmarks_of(config)
    for name in benchmarks:  # refuses those that cannot be had, before the training set is drawn or opened
        first_step(name, request.data_dir)
    check_best_benchmark(config, (*benchmarks, HELD_OUT_NAME) if config.validation.held_out else benchmarks)
    if config.freeze:
        from femb_cli.training.network.freezing import check_parts

        check_parts(config.backbone, config.freeze)
    if not resumed:
        _check_class_weights(config, plan)
        if request.out is not None:
            _check_not_overwriting_init(request.out, config)
            check_replaceable(request.out, overwrite=request.overwrite)


def _depends_on_hardware(request: TrainRequest, config: TrainConfig) -> bool:
    """Whether another machine could refuse a request that this one takes, or the other way round."""
    asked = (request.processes, request.gpus, request.device) != (None, None, None)
    return asked or config.precision not in ("fp32", "fp64")


def _check_hardware(request: TrainRequest, config: TrainConfig, processes: int, say: Say) -> None:
    """Refuse a device, a precision or a number of processes that this machine does not have."""
    from femb_cli.runtime.devices import check_devices, has_bfloat16, pick_device, torch_name

    device = pick_device(request.device)
    if request.device is not None and torch_name(request.device) not in ("cpu", "cuda", "mps"):
        raise UsageError(
            f"femb train runs on cpu, cuda or mps, not on {request.device!r}",
            hint="CUDA_VISIBLE_DEVICES chooses among several GPUs",
        )
    try:
        check_devices(processes, request.gpus, request.device)
    except UsageError as error:
        if request.processes is None and request.resume is not None:
            error.hint = f"the run has had {processes} processes; --gpus N goes on with N; {error.hint}"
        raise
    if config.precision == "fp16" and device.type != "cuda":
        raise UsageError(
            f"precision: fp16 trains on a CUDA GPU, not on {device.type}", hint="--set precision=bf16, or fp32"
        )
    if config.precision == "tf32" and device.type != "cuda":
        say(f"tf32 changes nothing on this {device.type}, which computes in float32")
    if config.precision == "bf16" and not has_bfloat16(device):
        say(f"this {device.type} emulates bfloat16: --set precision=fp32 trains about twice as fast here")


def _check_class_weights(config: TrainConfig, plan: Plan) -> None:
    """Refuse to start from class weights that do not fit the training set."""
    if not config.init.classifier:
        return
    from femb_cli.training.network.warm_start import check_class_weights, warm_start_checkpoint

    if checkpoint := warm_start_checkpoint(config):
        check_class_weights(checkpoint, (plan.num_identities, config.backbone.embedding_dim))


def _check_not_overwriting_init(run: Path, config: TrainConfig) -> None:
    """Refuse to overwrite the run that the weights come from."""
    if config.init.checkpoint and run.resolve() in Path(config.init.checkpoint).resolve().parents:
        raise UsageError(
            f"the run {run} would overwrite the checkpoint that it starts from", hint="choose another --out"
        )
