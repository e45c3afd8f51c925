"""The training loop, in three blocks: verify and save once in a while, train one step, log.

Shapes: B images in this process's part of the batch, H x W pixels, D embedding dimension.
"""

import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.runs import checkpoint_path
from femb_cli.classifier import ClassifierOutput
from femb_cli.config.load import flatten, to_tree
from femb_cli.config.schema import MagFaceConfig
from femb_cli.data.images.augmentation import Augmentation
from femb_cli.data.loading.micro_batch import MicroBatch
from femb_cli.errors import FembError
from femb_cli.evaluation.verification.open import PairSet
from femb_cli.runtime.compilation import compile_network
from femb_cli.runtime.signals import NOTHING_SAVED, Interrupted, StopRequests
from femb_cli.training.build import (
    build_accelerator,
    build_state,
    mfu_of_one_image,
    open_batches,
    training_images,
)
from femb_cli.training.divergence import LossWatch
from femb_cli.training.network.freezing import is_trained
from femb_cli.training.network.magnitude_bounds import check_bounds
from femb_cli.training.optim.optimizers import set_learning_rate
from femb_cli.training.optim.schedule import Rates
from femb_cli.training.planning.job import TrainJob
from femb_cli.training.randomness import seed_micro_batch
from femb_cli.training.run.best_checkpoint import is_best_so_far, keep_checkpoints
from femb_cli.training.run.report_data import save_augmented, save_magnitudes
from femb_cli.training.run.run_directory import remove_replaced_run, reopen_run
from femb_cli.training.run.run_log import Means, RunLog
from femb_cli.training.run.trackers import sender, start_trackers
from femb_cli.training.state import TrainingState
from femb_cli.training.validation import validate


@dataclass(frozen=True)
class TrainingResult:
    """The result of a finished training.

    Attributes:
        loss: mean loss over the last log interval; None if its line is lost, or on other than the main process.
        verifications: the metrics on each benchmark after the last step, as `femb verify --json` prints them.
        speed: images per second, share of the time in which the training waited for data, and peak memory; None each
            if no step was left to do.
    """

    loss: float | None
    verifications: list[dict[str, Any]]
    speed: dict[str, float | None]


def train(job: TrainJob, benchmarks: Sequence[PairSet]) -> TrainingResult:
    """Train until the plan's last step; every process of the training must call this.

    Logs, checkpoints and verification results go into the run's directory.

    Raises:
        FembError: the training diverged, an image cannot be read, or a checkpoint does not fit the run.
        Interrupted: a signal has stopped the training; the last step is saved.
    """
    with StopRequests() as stop:
        return _train(job, benchmarks, stop)


def _train(job: TrainJob, benchmarks: Sequence[PairSet], stop: StopRequests) -> TrainingResult:
    config, plan = job.config, job.plan
    accelerator = build_accelerator(config, job.device, job.run)
    state, card = build_state(job, accelerator)
    # DDP copies the backbone to every process, but refuses one of which nothing is trained. The classifier is sharded
    # and does its own communication.
    network = accelerator.prepare(state.backbone) if is_trained(state.backbone) else state.backbone
    embed = compile_network(network, without="--set compile=false trains without") if config.compile else network
    state.optimizer = accelerator.prepare(state.optimizer)
    start = state.step
    _begin(job, state, card, accelerator)
    log = RunLog(
        job.run,
        steps=plan.steps,
        batch_size=plan.batch_size,
        start=start,
        writes=accelerator.is_main_process,
        device=accelerator.device,
        mfu_of_one=mfu_of_one_image(config, accelerator),
        send=sender(accelerator),
    )
    watch = LossWatch(job)
    batches, augment = log.timed(open_batches(job, start, accelerator)), Augmentation(config.augment)
    verifications: list[dict[str, Any]] = []
    rank, world_size = accelerator.process_index, accelerator.num_processes
    micro_batches = MicroBatch.of_step(config.micro_batches, rank, world_size)
    rates = Rates(config, plan.steps, plan.steps_per_epoch)
    dtype = next(state.backbone.parameters()).dtype

    while True:
        # ---- Once in a while: verify, save, stop.
        is_last, stopped_by, is_best = state.step == plan.steps, stop.agreed(), False
        if is_last or (state.step > start and _is_due(state.step, config.validation.every)):
            if benchmarks:
                watch.refuse_broken_weights(state.step, state.network, card)
            verifications = validate(state.network, card, job.run, benchmarks)
            log.verifications(state.step, verifications)
            is_best = is_best_so_far(job.run, config, state.step)
        if state.step > start and (is_last or is_best or stopped_by or _is_due(state.step, config.checkpoint.every)):
            log.sync()
            _save(state, card, job, accelerator, watch)
            save_magnitudes(job.run, state.step, watch.magnitudes_N)
        if is_last or stopped_by:
            break

        # ---- The single step: forward and backward of each micro-batch, clip, update.
        factor = rates.factor(state.step)
        lr = config.optimizer.lr * factor
        set_learning_rate(state.optimizer, config.optimizer, factor)  # the backward pass may update the class weights
        outputs: list[ClassifierOutput] = []
        for micro_batch in micro_batches:
            batch = next(batches)
            draws = seed_micro_batch(state, config.seed, plan.batch_size, micro_batch)
            pixels_B3HW = augment(card.preprocessing.resize(batch.images_BHW3), draws)
            if state.step == 0 and micro_batch.index == 0:
                save_augmented(job.run, pixels_B3HW)
            inputs_B3HW = card.preprocessing.normalise(pixels_B3HW, dtype)
            with nullcontext() if micro_batch.is_last else accelerator.no_sync(network):
                embeddings_BD = embed(inputs_B3HW.contiguous(memory_format=torch.channels_last))
                outputs.append(state.classifier(embeddings_BD, batch.labels_B))
                accelerator.backward(outputs[-1].loss * rates.loss_weight)
            watch.add(state.step + 1, lr, outputs[-1].loss, batch.rows_B, embeddings_BD)

        # Only the backbone's gradient is clipped: each process has the class weights of other identities.
        gradient_norm = accelerator.clip_grad_norm_(state.backbone.parameters(), config.clip_gradient or math.inf)
        state.optimizer.step()
        state.optimizer.zero_grad()
        if state.averaged is not None:
            state.averaged.update_parameters(state.backbone)
        state.step += 1

        # ---- Bookkeeping: running means, the log line.
        state.means.add(outputs, gradient_norm)
        if state.step == plan.steps or _is_due(state.step, config.log_every):
            watch.refuse_divergence()
            metrics = dict(zip(Means.NAMES, accelerator.reduce(state.means.take(), "mean").tolist(), strict=True))
            log.step(state.step, {**metrics, "lr": lr, "epoch": round(state.step / plan.steps_per_epoch, 3)})
        log.live(state.step)

    log.close()
    accelerator.end_training()
    if not is_last:
        raise Interrupted(stopped_by, _how_to_go_on(job.run, state.step))
    return TrainingResult(log.loss, verifications, log.speed())


def _begin(job: TrainJob, state: TrainingState, card: ModelCard, accelerator: Accelerator) -> None:
    """Make a resumed run unfinished again once every process has loaded its checkpoint: no failure changes the run."""
    header, starts_from = job.config.header, job.config.init.checkpoint
    if isinstance(header, MagFaceConfig) and starts_from and not job.resumed and accelerator.is_main_process:
        check_bounds(header, state.backbone, card, training_images(job))
    start_trackers(accelerator, job.run, flatten(to_tree(job.config)))
    accelerator.wait_for_everyone()
    if job.resumed and accelerator.is_main_process:
        reopen_run(job.run, job.config, job.info, state.step)
        keep_checkpoints(job.run, job.config)  # a kill may have come before the deletion


def _how_to_go_on(run: Path, step: int) -> str:
    """Tell the user what is saved after a signal has stopped the training."""
    if not step:
        return f"{NOTHING_SAVED}; femb train --resume {run} starts it again"
    return f"interrupted; step {step} is saved, femb train --resume {run} continues"


def _is_due(step: int, every: int) -> bool:
    """Whether the step is a multiple of `every`; never for `every` = 0."""
    return every > 0 and step % every == 0


def _save(state: TrainingState, card: ModelCard, job: TrainJob, accelerator: Accelerator, watch: LossWatch) -> None:
    """Write a checkpoint of a sound network and delete the oldest; all processes wait until it is written."""
    watch.refuse_broken_weights(state.step, state.network, card)
    try:
        state.save(checkpoint_path(job.run, state.step), card, job.config)
    except FembError as error:
        hint = f"{error.hint or 'the older checkpoints are whole'}; then femb train --resume {job.run} goes on"
        raise FembError(error.message, hint=hint) from error
    if accelerator.is_main_process:
        remove_replaced_run(job.run)
        keep_checkpoints(job.run, job.config)
    accelerator.wait_for_everyone()
