"""A run is resumed on another number of processes."""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch.distributed.fsdp.sharded_grad_scaler import ShardedGradScaler
from torch.nn.parallel import DistributedDataParallel

from femb_cli.backbones import build_configured_backbone
from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.store import open_checkpoint
from femb_cli.classifier import MarginClassifier
from femb_cli.config.schema import IResNetConfig, SGDConfig, TrainConfig
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.data.loading.micro_batch import MicroBatch
from femb_cli.headers import build_header
from femb_cli.runtime.collectives import group_rank, group_size
from femb_cli.training.optim.optimizers import build_optimizer
from femb_cli.training.randomness import seed_micro_batch
from femb_cli.training.state import TrainingState

CONFIG = IResNetConfig("iresnet18", embedding_dim=8, input_size=16, width=0.0625)
CARD = ModelCard(CONFIG, Preprocessing(CONFIG.input_size))
IMAGES = torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2, 6, 5, 4])
NUM_IDENTITIES = 7


def train(start: Path | None, end: Path, steps: range, rank: int = 0, world_size: int = 1) -> None:
    """Train on a part of the batch, from a checkpoint or the beginning, and write another."""
    torch.manual_seed(1)
    backbone = build_configured_backbone(CONFIG).double().eval()
    classifier = MarginClassifier(build_header("elasticface"), 8, NUM_IDENTITIES).double()
    state = TrainingState(backbone, classifier, build_optimizer(SGDConfig(lr=0.05), backbone, classifier))
    if start is not None:
        state.load(open_checkpoint(start))
    assert state.step == steps.start
    parallel = DistributedDataParallel(backbone) if world_size > 1 else backbone
    for step in steps:
        state.step = step
        seed_micro_batch(state, 7, len(IMAGES), MicroBatch(rank=rank, world_size=world_size))
        state.optimizer.zero_grad()
        own = slice(rank, None, world_size)
        classifier(parallel(IMAGES[own].double()), LABELS[own]).loss.backward()
        state.optimizer.step()
    state.step = steps.stop
    state.save(end, CARD, TrainConfig())


def overflow_on_one():
    """A step whose gradient is infinite on the last process alone; return the weight and the scale after it."""
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer, scaler = torch.optim.SGD([weight], lr=1.0), ShardedGradScaler("cpu", init_scale=4.0)
    scaler.scale(weight.sum() * (torch.inf if group_rank() else 1.0)).backward()
    scaler.step(optimizer)
    scaler.update()
    return weight.detach(), scaler.get_scale()


def train_shared(start, end, steps):
    train(start, end, steps, group_rank(), group_size())


def test_a_run_on_two_processes_then_three_then_one_is_the_run_on_one(processes, tmp_path):
    train(None, tmp_path / "unbroken", range(9))
    processes(2).run(train_shared, None, tmp_path / "two", range(3))
    processes(3).run(train_shared, tmp_path / "two", tmp_path / "three", range(3, 6))
    train(tmp_path / "three", tmp_path / "one", range(6, 9))
    for file in ("model.safetensors", "classifier.safetensors"):
        expected, actual = (load_file(tmp_path / name / file) for name in ("unbroken", "one"))
        for name in expected:
            torch.testing.assert_close(actual[name], expected[name], rtol=1e-9, atol=1e-12, msg=name)
    momentum, expected = (
        torch.load(tmp_path / name / "state/optimizer.pt", weights_only=True)["state"] for name in ("one", "unbroken")
    )
    assert {len(state["momentum_buffer"]) for state in momentum.values()} >= {NUM_IDENTITIES}
    for number, state in expected.items():
        torch.testing.assert_close(momentum[number]["momentum_buffer"], state["momentum_buffer"], rtol=1e-8, atol=1e-11)


def test_an_overflow_on_one_process_stops_the_step_on_all(processes):
    for weight, scale in processes(2).run(overflow_on_one):
        assert weight.tolist() == [1.0, 1.0]
        assert scale == 2.0
