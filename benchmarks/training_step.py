"""Measure a training step, beside arcface_torch's own network, classifier and optimizer.

    git clone https://github.com/deepinsight/insightface CHECKOUT
    python benchmarks/training_step.py CHECKOUT [--networks r18 r50] [--batch 64] [--steps 5] [--rounds 3]

Both train the same IResNet with ArcFace (scale 64, margin 0.5) and 10,000 identities by SGD, with the backbone's
gradient clipped to 5, on the same batch of random images in memory. femb runs its training loop, with mirroring,
normalisation and log; arcface_torch runs the statements of its loop on images that are normalised already, without
DistributedDataParallel. Each contestant is a process of its own; they take turns, and the first step of each warms up,
or compiles the backbone. Printed are the medians of all steps, and the ratio to arcface_torch in float32 (it has no
bfloat16; on a GPU its float16 is taken, too).
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

IDENTITIES, DIM, SIZE = 10_000, 512, 112
NETWORKS = {"r18": "iresnet18", "r50": "iresnet50", "r100": "iresnet100"}
OFFICIAL, OFFICIAL_HALF = "arcface_torch fp32", "arcface_torch fp16"
FEMB = {
    "femb fp32": {},
    "femb fp32, compiled": {"compile": True},
    "femb bf16": {"precision": "bf16"},
    "femb bf16, compiled": {"precision": "bf16", "compile": True},
    "femb tf32": {"precision": "tf32"},
}


def main() -> None:
    """Print one table for each network."""
    arguments = parse()
    if arguments.contestant:
        print(json.dumps(seconds_of_steps(arguments)))
        return
    on_gpu = torch.cuda.is_available()
    device = torch.cuda.get_device_name() if on_gpu else f"CPU, {torch.get_num_threads()} threads"
    print(f"{device}, torch {torch.__version__}\n")
    on_cpu = [OFFICIAL, *(name for name in FEMB if "tf32" not in name)]
    contestants = arguments.contestants or ([OFFICIAL, OFFICIAL_HALF, *FEMB] if on_gpu else on_cpu)
    for network in arguments.networks:
        seconds: dict[str, list[float]] = {name: [] for name in contestants}
        for _ in range(arguments.rounds):
            for name in contestants:
                seconds[name] += run(name, network, arguments)
        print(f"| {network}, batch {arguments.batch} | images/s | ratio |\n|---|--:|--:|")
        for name, values in seconds.items():
            ratio = statistics.median(seconds[OFFICIAL]) / statistics.median(values)
            print(f"| {name} | {arguments.batch / statistics.median(values):.1f} | {ratio:.2f} |")
        print(flush=True)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("checkout", type=Path, help="a clone of insightface")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=["r18", "r50"])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=5, help="steps of a contestant in a round, after the warm-up")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--contestants", nargs="+", choices=[OFFICIAL, OFFICIAL_HALF, *FEMB], help="only these")
    parser.add_argument("--contestant", help=argparse.SUPPRESS)
    return parser.parse_args()


def run(name: str, network: str, arguments: argparse.Namespace) -> list[float]:
    """Run one contestant in a process of its own; return the seconds of its steps."""
    sizes = ["--networks", network, "--batch", str(arguments.batch), "--steps", str(arguments.steps)]
    command = [sys.executable, __file__, str(arguments.checkout), *sizes, "--contestant", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{name}: {done.stderr}")
    seconds: list[float] = json.loads(done.stdout.splitlines()[-1])
    return seconds


def seconds_of_steps(arguments: argparse.Namespace) -> list[float]:
    """Train with one contestant, and return the seconds of its steps."""
    name, network = arguments.contestant, arguments.networks[0]
    images, labels = batch_of(arguments.batch)
    if name in FEMB:
        return femb_steps(NETWORKS[network], images, labels, arguments.steps, FEMB[name])
    sys.path.insert(0, str(arguments.checkout / "recognition/arcface_torch"))
    return official_steps(network, images, labels, arguments.steps, half=name == OFFICIAL_HALF)


def batch_of(batch: int) -> tuple[Tensor, Tensor]:
    """Return random images, uint8 (B, H, W, 3), and their labels."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (batch, SIZE, SIZE, 3), generator=generator, dtype=torch.uint8)
    return images, torch.randint(IDENTITIES, (batch,), generator=generator)


def femb_steps(network: str, images: Tensor, labels: Tensor, steps: int, settings: dict[str, Any]) -> list[float]:
    """Run femb's training loop on a batch in memory; the seconds are those between its log lines."""
    lines = femb_log(network, images, labels, steps + 1, settings)
    return [len(images) / line["images_per_second"] for line in lines][1:]


def femb_log(
    network: str, images: Tensor, labels: Tensor, steps: int, settings: dict[str, Any], device: str | None = None
) -> list[dict[str, Any]]:
    """Run femb's training loop on a batch in memory, and return the lines of its log, one for each step by default."""
    from femb_cli.config.load import load_config
    from femb_cli.data.loading.loader import TrainingBatch
    from femb_cli.data.open import open_source
    from femb_cli.training import loop
    from femb_cli.training.planning.job import TrainJob
    from femb_cli.training.planning.plan import Plan
    from femb_cli.training.planning.softmax_plan import plan_softmax

    batch = len(images)
    chosen = {"backbone.name": network, "batch_size": batch, "steps": steps, "log_every": 1, "precision": "fp32"}
    config = load_config("arcface_r50_ms1mv3", overrides={**chosen, **settings})
    softmax = plan_softmax(config, num_identities=IDENTITIES, processes=1)
    plan = Plan(batch * steps, IDENTITIES, batch, 1, steps, steps, softmax)

    if device != "cpu" and torch.cuda.is_available():
        images, labels = images.pin_memory(), labels.pin_memory()  # as the loader's images are

    def batches(job: TrainJob, start: int, accelerator: Any) -> Iterator[TrainingBatch]:
        for _ in range(steps):
            yield TrainingBatch(images, labels, np.arange(batch)).to(accelerator.device)

    loop.open_batches = batches  # the data path has a benchmark of its own
    loop._save = lambda *_: None  # and a checkpoint is no part of a step
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        (run / "checkpoints").mkdir(parents=True)
        faces = Path(folder) / "faces"
        write_faces(faces)
        loop.train(TrainJob(config, plan, run, open_source(faces), device=device), [])
        return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def write_faces(folder: Path) -> None:
    """Write the training set that a job must have; its images are not read."""
    from PIL import Image

    for person in ("a", "b"):
        (folder / person).mkdir(parents=True)
        Image.new("RGB", (SIZE, SIZE)).save(folder / person / "0.png")


def official_steps(network: str, images: Tensor, labels: Tensor, steps: int, *, half: bool) -> list[float]:
    """Run the steps of arcface_torch's train_v2.py; the seconds are those of each whole step."""
    import torch.distributed as distributed
    from backbones import get_model
    from losses import CombinedMarginLoss
    from partial_fc_v2 import PartialFC_V2

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu":
        torch.Tensor.cuda = lambda tensor, *_: tensor  # their classifier asks for a GPU's tensors
    backend = "nccl" if device.type == "cuda" else "gloo"
    with tempfile.NamedTemporaryFile() as file:
        distributed.init_process_group(backend, init_method=f"file://{file.name}-store", rank=0, world_size=1)
    backbone = get_model(network, dropout=0.0, fp16=half, num_features=DIM).to(device).train()
    classifier = PartialFC_V2(CombinedMarginLoss(64, 1.0, 0.5, 0.0), DIM, IDENTITIES, 1.0, False).train().to(device)
    groups = [{"params": backbone.parameters()}, {"params": classifier.parameters()}]
    optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.9, weight_decay=5e-4)
    scaler = torch.amp.GradScaler(device.type, enabled=half, growth_interval=100)
    inputs, labels = ((images.permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5).to(device), labels.to(device)
    seconds = []
    for _ in range(steps + 1):
        started = time.perf_counter()
        loss = classifier(backbone(inputs), labels)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(backbone.parameters(), 5)
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
        loss.item()  # their loop reads the loss of every step
        seconds.append(time.perf_counter() - started)
    return seconds[1:]


if __name__ == "__main__":
    main()
