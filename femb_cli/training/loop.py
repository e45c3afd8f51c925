"""The training loop: images to embeddings to loss to weights, on one process or many.

Accelerate places, wraps, scales and gathers; everything that a step draws at random follows from (seed, step, rank).
"""

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast
from torch import Tensor
from torch.distributed.fsdp.sharded_grad_scaler import ShardedGradScaler

from femb_cli.backbones import Backbone, build_configured_backbone
from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.runs import keep_newest_checkpoints
from femb_cli.checkpoints.store import Checkpoint
from femb_cli.classifier import MarginClassifier
from femb_cli.config.schema import TrainConfig
from femb_cli.data.images.augment import augment
from femb_cli.data.images.decode import ALIGNED_SIZE
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.data.loading.loader import ShuffledBatches, TrainingImages, training_batches
from femb_cli.data.open import open_source
from femb_cli.errors import FembError
from femb_cli.evaluation.verification.open import PairSet
from femb_cli.headers import build_configured_header
from femb_cli.inference import Embedder
from femb_cli.inference.verify import verify
from femb_cli.runtime.devices import pick_device
from femb_cli.training.optim.optimizers import build_optimizer, set_learning_rate
from femb_cli.training.optim.schedule import learning_rate_factor
from femb_cli.training.plan import Plan, make_plan
from femb_cli.training.randomness import seed_step
from femb_cli.training.run_log import Means, RunLog, drop_metrics_after
from femb_cli.training.state import TrainingState
from femb_cli.training.warm_start import initial_checkpoint, load_initial, run_card, to_pixels_of

logger = logging.getLogger("femb")


@dataclass(frozen=True)
class TrainingResult:
    """What a finished training reports.

    Attributes:
        steps: steps of the whole run.
        processes: how many shared each step.
        loss: mean loss over the last log interval.
        verifications: the metrics on each benchmark, as `verify --json` has them.
    """

    steps: int
    processes: int
    loss: float
    verifications: list[dict[str, Any]]


def train(
    config: TrainConfig,
    run: Path,
    data: Path,
    *,
    benchmarks: list[PairSet],
    device: str | None = None,
    resume: Checkpoint | None = None,
) -> TrainingResult:
    """Train, log, verify and save into a run's folder.

    Args:
        config: everything that the result depends on.
        run: the folder, which exists.
        data: the training set.
        benchmarks: what to verify on.
        device: `cpu`, or None for a GPU where there is one.
        resume: the checkpoint to go on from.

    Raises:
        FembError: the data does not fit the configuration, or the checkpoint does not fit the run.
    """
    accelerator = Accelerator(
        mixed_precision="no" if config.precision == "fp32" else config.precision,
        # Without this word, Accelerate takes processes on a machine without a GPU for strangers to each other.
        cpu=pick_device(device).type == "cpu",
    )
    images = TrainingImages(open_source(data), max(ALIGNED_SIZE, config.backbone.input_size))
    plan = make_plan(config, accelerator.num_processes)
    # A run that has begun does not need to know what it began with.
    initial = initial_checkpoint(config) if resume is None else None
    card = run_card(config, images.num_identities, resume or initial, resumed=resume is not None)
    preprocess = Preprocessing(input_size=config.backbone.input_size)

    torch.manual_seed(config.seed)
    backbone = build_configured_backbone(config.backbone)
    header = build_configured_header(config.header)
    classifier = MarginClassifier(
        header,
        backbone.embedding_dim,
        images.num_identities,
        chunk=plan.softmax.chunk,
        sample_rate=plan.softmax.sample_rate,
        sparse_gradient=config.classifier.update == "sampled",
        matmul_precision=torch.bfloat16 if config.classifier.matmul_precision == "bf16" else None,
    )
    if initial:
        load_initial(initial, backbone, classifier if config.init.classifier else None)
    backbone.to(accelerator.device).to(memory_format=torch.channels_last)
    classifier.to(accelerator.device)
    optimizer = build_optimizer(config.optimizer, backbone, classifier)
    if accelerator.scaler is not None and accelerator.num_processes > 1:
        # Each process sees the gradient of its own class weights: whether one overflowed, all must know.
        accelerator.scaler = ShardedGradScaler()
    state = TrainingState(backbone, classifier, optimizer, accelerator.scaler)
    if resume:
        state.load(resume)
    start = state.step

    # The classifier shares itself out; only the backbone is replicated.
    parallel_backbone, state.optimizer = accelerator.prepare(backbone, optimizer)
    batches = _batches(config, plan, images, accelerator, start)
    if accelerator.is_main_process:
        drop_metrics_after(run, start)
    log = RunLog(run, steps=plan.steps, batch_size=plan.batch_size, start=start, writes=accelerator.is_main_process)
    means = Means(accelerator.device)
    loss = float("nan")
    verifications: list[dict[str, Any]] = []

    for step, (images_BHW3, labels_B) in enumerate(batches, start):
        generator = seed_step(config.seed, step, accelerator.process_index, classifier)
        lr = config.optimizer.lr * learning_rate_factor(step, plan.steps, config.schedule)
        set_learning_rate(state.optimizer, lr)

        augmented_B3HW = augment(preprocess(images_BHW3), config.augment, generator)
        inputs_B3HW = to_pixels_of(card.preprocessing, augmented_B3HW)
        embeddings_BD = parallel_backbone(inputs_B3HW.contiguous(memory_format=torch.channels_last))
        output = classifier(embeddings_BD, labels_B)
        accelerator.backward(output.loss)
        gradient_norm = accelerator.clip_grad_norm_(backbone.parameters(), config.clip_gradient or float("inf"))
        state.optimizer.step()
        state.optimizer.zero_grad()
        means.add(output, gradient_norm)

        state.step = done = step + 1
        is_last = done == plan.steps
        if done % config.log_every == 0 or is_last:
            metrics = dict(zip(Means.NAMES, accelerator.reduce(means.take(), "mean").tolist(), strict=True))
            loss = metrics["loss"]
            _refuse_divergence(loss, done, lr)
            log.step(done, {**metrics, "lr": lr, "epoch": round(done / plan.steps_per_epoch, 3)})
        if is_last or (config.validation.every and done % config.validation.every == 0):
            verifications = _verify(backbone, card, run, benchmarks, accelerator, log, done)
        if is_last or done % config.checkpoint.every == 0:
            state.save(run / "checkpoints" / f"step-{done:06d}", card, config)
            if accelerator.is_main_process:
                keep_newest_checkpoints(run, config.checkpoint.keep)
            accelerator.wait_for_everyone()

    log.close()
    accelerator.end_training()
    return TrainingResult(plan.steps, plan.processes, loss, verifications)


def _batches(
    config: TrainConfig, plan: Plan, images: TrainingImages, accelerator: Accelerator, start: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """This process's part of every batch from `start` on, on its device: uint8 images and labels."""
    batches = ShuffledBatches(
        plan.num_images,
        plan.batch_size,
        start=start,
        stop=plan.steps,
        seed=config.seed,
        rank=accelerator.process_index,
        world_size=accelerator.num_processes,
        groups=images.groups,
    )
    on_gpu = accelerator.device.type == "cuda"
    for images_BHW3, labels_B in training_batches(images, batches, threads=config.workers, pin=on_gpu):
        yield images_BHW3.to(accelerator.device, non_blocking=True), labels_B.to(accelerator.device, non_blocking=True)


def _verify(
    backbone: Backbone,
    card: ModelCard,
    run: Path,
    benchmarks: list[PairSet],
    accelerator: Accelerator,
    log: RunLog,
    step: int,
) -> list[dict[str, Any]]:
    """Verify the network as it is now; every process embeds its share of the images."""
    # Each process's batch norms have seen its own images; the main process's are those that are saved.
    for buffer in backbone.buffers():
        broadcast(buffer)
    backbone.eval()
    embedder = Embedder(
        backbone,
        card.preprocessing,
        embedding_dim=backbone.embedding_dim,
        name=str(run),
        flip=card.flip,
        device=accelerator.device,
        card=card,
    )
    results = [verify(embedder, benchmark).to_json() for benchmark in benchmarks]
    backbone.train()
    for result in results:
        name, accuracy = result["benchmark"], result["accuracy"]
        log.write(step, {f"{name}/{key}": result[key] for key in ("accuracy", "eer", "auc")})
        logger.info(f"step {step:>6}/{log.steps}   {name} {100 * accuracy:.2f} %   eer {100 * result['eer']:.2f} %")
    return results


def _refuse_divergence(loss: float, step: int, lr: float) -> None:
    if not math.isfinite(loss):
        raise FembError(
            f"the loss is {loss} at step {step} (learning rate {lr:.3g}): the training has diverged",
            hint="try a smaller --lr, a longer schedule.warmup, or --set precision=fp32",
        )
