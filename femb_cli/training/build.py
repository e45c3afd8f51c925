"""Build the inputs of the training loop: the accelerator, the training state and the batches."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import DDPCommunicationHookType, DistributedDataParallelKwargs
from numpy.typing import NDArray
from torch.distributed.fsdp.sharded_grad_scaler import ShardedGradScaler

from femb_cli.backbones import build_configured_backbone
from femb_cli.checkpoints.card import QUALITY_HEADERS, ModelCard
from femb_cli.checkpoints.store import Checkpoint, open_checkpoint
from femb_cli.classifier import MarginClassifier
from femb_cli.config.schema import DatasetConfig, PixelsConfig, SyntheticConfig, TrainConfig
from femb_cli.data.dataset_info import has_dataset_info, read_dataset_info
from femb_cli.data.images.decode import ALIGNED_SIZE
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.data.loading.loader import ShuffledBatches, TrainingBatch, TrainingImages, training_batches
from femb_cli.data.source import ImageSource
from femb_cli.data.synthetic.training_data import DRAWN_FACES
from femb_cli.evaluation.verification.overlap import name_digests
from femb_cli.files import file_sha256
from femb_cli.headers import build_configured_header
from femb_cli.runtime.devices import pick_device
from femb_cli.runtime.peak_rate import peak_rate
from femb_cli.training.network.averaging import average_of
from femb_cli.training.network.freezing import freeze
from femb_cli.training.network.operations import operations_of_an_image
from femb_cli.training.network.recompute import recompute_blocks
from femb_cli.training.network.sync_batch_norm import synchronise_batch_norm
from femb_cli.training.network.warm_start import load_warm_start, warm_start_checkpoint
from femb_cli.training.optim.fused_sgd import FusedSGD
from femb_cli.training.optim.optimizers import build_optimizer
from femb_cli.training.planning.job import TrainJob
from femb_cli.training.planning.plan import Plan
from femb_cli.training.run.run_log import Means
from femb_cli.training.state import TrainingState

_COMPRESSIONS = {
    "none": DistributedDataParallelKwargs(),
    "fp16": DistributedDataParallelKwargs(comm_hook=DDPCommunicationHookType.FP16),
    "bf16": DistributedDataParallelKwargs(comm_hook=DDPCommunicationHookType.BF16),
}


def build_accelerator(config: TrainConfig, device: str | None, run: Path | None = None) -> Accelerator:
    """Build the accelerator for the device and the configured precision, and join the process group.

    Args:
        config: the run's configuration.
        device: `cpu`, or None for a GPU if there is one.
        run: the run's directory, in which trackers may write.
    """
    # torch's own default is TF32 in convolutions and float32 in matrix products.
    torch.backends.cudnn.allow_tf32 = config.precision == "tf32"
    accelerator = Accelerator(
        mixed_precision=config.precision if config.precision in ("bf16", "fp16") else "no",
        # On a CPU-only machine Accelerate joins the process group only with cpu=True.
        cpu=pick_device(device).type == "cpu",
        log_with=list(config.trackers) or None,
        project_dir=run,
        kwargs_handlers=[_COMPRESSIONS[config.compress_gradients]],
    )
    if accelerator.scaler is not None and accelerator.num_processes > 1:
        # All ranks must skip the same steps, but each sees the gradient of its own class weights only:
        # the sharded scaler all-reduces found_inf.
        accelerator.scaler = ShardedGradScaler()
    return accelerator


def mfu_of_one_image(config: TrainConfig, accelerator: Accelerator) -> float | None:
    """Return the share of the devices' peak rate that training on one image in a second takes; None if not known."""
    peak = peak_rate(accelerator.device, config.precision)
    return None if peak is None else operations_of_an_image(config.backbone) / (peak * accelerator.num_processes)


def build_state(job: TrainJob, accelerator: Accelerator) -> tuple[TrainingState, ModelCard]:
    """Build the network, class weights and optimizer on this process's device, and load the checkpoint, if any.

    Returns:
        The state and the card of its network.

    Raises:
        FembError: the checkpoint that the run starts from is damaged or does not fit the configuration.
    """
    config = job.config
    resumed = open_checkpoint(job.checkpoint) if job.checkpoint else None
    # A resumed run loads its own checkpoint; `init` is ignored.
    init = None if resumed else warm_start_checkpoint(config)
    torch.manual_seed(config.seed)
    backbone = build_configured_backbone(config.backbone)
    classifier = build_classifier(config, job.plan)
    if init:
        load_warm_start(init, backbone, classifier if config.init.classifier else None)
    if config.sync_batch_norm:
        synchronise_batch_norm(backbone, accelerator.device)
    freeze(backbone, config.freeze)
    if config.recompute_activations:
        recompute_blocks(backbone)
    dtype = torch.float64 if config.precision == "fp64" else torch.float32
    backbone.to(accelerator.device, dtype).to(memory_format=torch.channels_last)
    classifier.to(accelerator.device, dtype)
    optimizer = build_optimizer(config.optimizer, backbone, classifier)
    if job.plan.softmax.fused_update:
        FusedSGD(classifier, optimizer)
    means = Means(accelerator.device)
    averaged = average_of(backbone, config.ema) if config.ema else None
    people_U = trained_people(config, job.source, init or resumed)
    state = TrainingState(
        backbone, classifier, optimizer, accelerator.scaler, means=means, averaged=averaged, people_U=people_U
    )
    if resumed:
        state.load(resumed)
    return state, build_card(config, job.plan.num_identities, init=init, resumed=resumed)


def trained_people(config: TrainConfig, source: ImageSource, origin: Checkpoint | None) -> NDArray[np.int64]:
    """Return the digests of the names of the people that a network is trained on, int64 (U,).

    Args:
        config: the run's configuration; drawn faces are nobody's.
        source: the training set.
        origin: the checkpoint that the weights come from, whose people count, too.
    """
    known = None if isinstance(config.data, SyntheticConfig) else source.identities
    own_U = name_digests(() if known is None else known.names)
    return own_U if origin is None else np.union1d(own_U, origin.people())


def build_classifier(config: TrainConfig, plan: Plan) -> MarginClassifier:
    """Build this process's part of the class weights, drawn from torch's generator."""
    return MarginClassifier(
        build_configured_header(config.header),
        config.backbone.embedding_dim,
        plan.num_identities,
        chunk=plan.softmax.chunk,
        sample_rate=plan.softmax.sample_rate,
        sparse_gradient=config.classifier.update == "sampled",
        matmul_precision=torch.bfloat16 if config.classifier.matmul_precision == "bf16" else None,
        initial_weights=config.classifier.initial_weights,
    )


def build_card(
    config: TrainConfig, num_identities: int, *, init: Checkpoint | None = None, resumed: Checkpoint | None = None
) -> ModelCard:
    """Describe the network of a run.

    Args:
        config: the run's configuration.
        num_identities: identities in the training set.
        init: the checkpoint that a new run takes its weights from. Its colours, value range and source are kept, except
            that it knew only drawn faces, which a training on photographs ends. The new data decide the alignment.
        resumed: the run's own checkpoint, if it is resumed.
    """
    card = ModelCard(
        config.backbone,
        Preprocessing.of(config.pixels or PixelsConfig(), config.backbone.input_size),
        header=asdict(config.header),
        num_identities=num_identities,
        magnitude_is_quality=config.header.name in QUALITY_HEADERS,
        source={"training_data": DRAWN_FACES}
        if isinstance(config.data, SyntheticConfig)
        else _alignment_of(config.data),
    )
    card = card.with_source(**_alignment_of(config.data))
    origin = resumed or init
    if origin is None:
        return card
    source = {
        name: text
        for name, text in origin.card.source.items()
        if text != DRAWN_FACES or isinstance(config.data, SyntheticConfig)
    } | _alignment_of(config.data)
    card = replace(card, preprocessing=origin.card.preprocessing, flip=origin.card.flip, source=source)
    return card if init is None else card.with_source(init=str(init.path), init_sha256=file_sha256(init.model_file))


def _alignment_of(data: SyntheticConfig | DatasetConfig) -> dict[str, str]:
    """Return the entry of a card that says how femb aligned the training data; none if it did not."""
    path = Path(data.path) if isinstance(data, DatasetConfig) else None
    if path is None or not has_dataset_info(path):
        return {}
    alignment = read_dataset_info(path).alignment
    return {} if alignment is None else {"alignment": alignment}


def training_images(job: TrainJob) -> TrainingImages:
    """Return the images of a training, which are decoded to the network's input size or more."""
    return TrainingImages(job.source, max(ALIGNED_SIZE, job.config.backbone.input_size))


def open_batches(job: TrainJob, start: int, accelerator: Accelerator) -> Iterator[TrainingBatch]:
    """Yield this process's part of every micro-batch from step `start` on, on its device."""
    images = training_images(job)
    rows = ShuffledBatches(
        job.plan.num_images,
        job.plan.batch_size,
        start=start,
        stop=job.plan.steps,
        seed=job.config.seed,
        rank=accelerator.process_index,
        world_size=accelerator.num_processes,
        micro_batches=job.config.micro_batches,
        groups=images.groups,
    )
    on_gpu = accelerator.device.type == "cuda"
    for batch in training_batches(images, rows, threads=job.config.workers, pin=on_gpu):
        yield batch.to(accelerator.device)
