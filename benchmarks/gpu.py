"""Check and time femb on a GPU: the same numbers as on the CPU, the training step, the classifier and the embedder.

    python benchmarks/gpu.py [--quick]

Prints one table per question, in Markdown. Agreement is measured in float32 with TF32 off, on the same weights and
inputs; times are medians over synchronised rounds after a warm-up; memory is the peak that torch allocated. Needs one
CUDA GPU and no data: images are random, or femb's procedural faces.
"""

import argparse
import copy
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from femb_cli.backbones import build_backbone
from femb_cli.classifier import MarginClassifier
from femb_cli.headers import build_header

HEADERS = ("linear", "arcface", "cosface", "sphereface", "magface", "elasticface", "adaface", "curricularface")
DIM = 512
CUDA = torch.device("cuda")


def main(quick: bool) -> None:
    """Print all tables."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, CUDA {torch.version.cuda}\n")
    table(("what", "largest relative difference, GPU against CPU"), agreement())
    table(("classifier, batch x identities", "way", "ms", "peak MB", "loss"), classifier(quick))
    table(("training step, batch 128, 93,431 identities", "precision", "images/s", "peak MB"), training_steps(quick))
    table(("embedding", "batch", "precision", "images/s"), embedding(quick))
    table(("run", "seconds", "loss", "accuracy"), quick_starts())


def table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a Markdown table, a row as soon as it is known."""
    columns = list(columns)
    print("| " + " | ".join(columns) + " |\n|" + "---|" * len(columns))
    for row in rows:
        print("| " + " | ".join(row) + " |", flush=True)
    print(flush=True)


def agreement() -> Iterable[tuple[str, str]]:
    """Embeddings, and each header's loss and gradients, on both devices."""
    torch.manual_seed(0)
    images_B3HW = torch.rand(16, 3, 112, 112) * 2 - 1
    for name in ("iresnet18", "mbf", "vit_t"):
        backbone = build_backbone(name).eval()
        with torch.inference_mode():
            expected = backbone(images_B3HW)
            found = copy.deepcopy(backbone).to(CUDA)(images_B3HW.to(CUDA)).cpu()
        yield f"{name}, embeddings", difference(found, expected)
    embeddings_BD, labels_B = torch.randn(64, DIM) * 4, torch.randint(1000, (64,))
    for name in HEADERS:
        for chunk in (None, 256):
            torch.manual_seed(1)
            reference = MarginClassifier(build_header(name), DIM, 1000, chunk=chunk)
            results = [loss_and_gradients(reference, embeddings_BD, labels_B, device) for device in ("cpu", "cuda")]
            pairs = zip(results[1], results[0], strict=True)
            worst = max(float(difference(found, expected)) for found, expected in pairs)
            yield f"{name}, {'plain' if chunk is None else 'in blocks'}: loss and gradients", f"{worst:.1e}"


def loss_and_gradients(
    classifier: MarginClassifier, embeddings_BD: Tensor, labels_B: Tensor, device: str
) -> tuple[Tensor, ...]:
    """The loss of one batch and its gradients, on the CPU."""
    classifier = copy.deepcopy(classifier).to(device)
    classifier.seed(3)
    embeddings_BD = embeddings_BD.to(device).requires_grad_()
    loss = classifier(embeddings_BD, labels_B.to(device)).loss
    loss.backward()
    assert embeddings_BD.grad is not None and classifier.weight.grad is not None
    return loss.detach().cpu(), embeddings_BD.grad.cpu(), classifier.weight.grad.cpu()


def difference(found: Tensor, expected: Tensor) -> str:
    """The largest difference relative to the largest entry."""
    return f"{((found - expected).abs().max() / expected.abs().max()).item():.1e}"


def classifier(quick: bool) -> Iterable[tuple[str, ...]]:
    """Forward and backward pass of the classifier in each of its ways."""
    ways: dict[str, dict[str, Any]] = {
        "plain": {},
        "in blocks": {"chunk": 8192},
        "in blocks, bfloat16 products": {"chunk": 8192, "matmul_precision": torch.bfloat16},
        "a tenth sampled, in blocks": {"chunk": 8192, "sample_rate": 0.1},
    }
    for batch, identities in ((512, 100_000), (128, 1_000_000)):
        for way, settings in ways.items():
            torch.manual_seed(0)
            module = MarginClassifier(build_header("arcface"), DIM, identities, **settings).to(CUDA)
            embeddings_BD = torch.randn(batch, DIM, device=CUDA, requires_grad=True)
            labels_B = torch.randint(identities, (batch,), device=CUDA)
            losses: list[float] = []

            def step(
                module: MarginClassifier = module,
                embeddings_BD: Tensor = embeddings_BD,
                labels_B: Tensor = labels_B,
                losses: list[float] = losses,
            ) -> None:
                module.zero_grad()
                embeddings_BD.grad = None
                loss = module(embeddings_BD, labels_B).loss
                loss.backward()
                losses.append(loss.item())

            seconds, peak = measure(step, rounds=5 if quick else 15)
            yield f"{batch} x {identities:,}", way, f"{1000 * seconds:.1f}", f"{peak / 1e6:,.0f}", f"{losses[0]:.4f}"
            del module, step


def training_steps(quick: bool) -> Iterable[tuple[str, ...]]:
    """Whole steps on images that are on the GPU already: backbone, classifier, backward pass and SGD."""
    for name in ("iresnet50",) if quick else ("iresnet18", "iresnet50", "iresnet100", "mbf", "vit_b"):
        for precision in ("fp32", "bf16"):
            backbone = build_backbone(name).to(CUDA).to(memory_format=torch.channels_last).train()
            head = MarginClassifier(build_header("arcface"), backbone.embedding_dim, 93_431).to(CUDA)
            optimizer = torch.optim.SGD([*backbone.parameters(), *head.parameters()], lr=0.01, momentum=0.9)
            images_B3HW = torch.rand(128, 3, 112, 112, device=CUDA).contiguous(memory_format=torch.channels_last)
            labels_B = torch.randint(93_431, (128,), device=CUDA)

            def step(
                backbone: Any = backbone,
                head: Any = head,
                optimizer: Any = optimizer,
                images_B3HW: Tensor = images_B3HW,
                labels_B: Tensor = labels_B,
                precision: str = precision,
            ) -> None:
                with torch.autocast("cuda", torch.bfloat16, enabled=precision == "bf16"):
                    embeddings_BD = backbone(images_B3HW)
                head(embeddings_BD, labels_B).loss.backward()
                optimizer.step()
                optimizer.zero_grad()

            seconds, peak = measure(step, rounds=5 if quick else 15)
            yield name, precision, f"{128 / seconds:,.0f}", f"{peak / 1e6:,.0f}"
            del backbone, head, optimizer, step


def embedding(quick: bool) -> Iterable[tuple[str, ...]]:
    """Inference on images that are on the GPU already."""
    for name in ("iresnet50",) if quick else ("iresnet50", "iresnet100", "mbf"):
        backbone = build_backbone(name).to(CUDA).to(memory_format=torch.channels_last).eval()
        for batch in (64, 256):
            images_B3HW = torch.rand(batch, 3, 112, 112, device=CUDA).contiguous(memory_format=torch.channels_last)
            for precision in ("fp32", "bf16"):

                @torch.inference_mode()
                def step(
                    backbone: Any = backbone, images_B3HW: Tensor = images_B3HW, precision: str = precision
                ) -> None:
                    with torch.autocast("cuda", torch.bfloat16, enabled=precision == "bf16"):
                        backbone(images_B3HW)

                seconds, _ = measure(step, rounds=5 if quick else 15)
                yield name, str(batch), precision, f"{batch / seconds:,.0f}"


def measure(step: Callable[[], None], rounds: int) -> tuple[float, int]:
    """Median seconds of a step, and the peak of allocated bytes."""
    for _ in range(3):
        step()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        step()
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds), torch.cuda.max_memory_allocated()


def quick_starts() -> Iterable[tuple[str, ...]]:
    """`femb train` on the GPU: unbroken, in bfloat16, and interrupted at half and resumed."""
    with tempfile.TemporaryDirectory() as directory:
        runs = Path(directory)
        whole = femb("train", "--out", runs / "whole")
        yield row("femb train", whole)
        yield row("femb train --set precision=bf16", femb("train", "--set", "precision=bf16", "--out", runs / "bf16"))
        femb("train", "--steps", "300", "--out", runs / "half")
        yield row("300 steps, then femb train --resume", femb("train", "--resume", runs / "half", "--steps", "600"))


def femb(*arguments: object) -> dict[str, Any]:
    """Run a femb command in a process of its own and return its JSON."""
    command = [sys.executable, "-m", "femb_cli", *map(str, arguments), "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout)


def row(name: str, summary: dict[str, Any]) -> tuple[str, ...]:
    """A run's line of the table."""
    accuracy = 100 * summary["verification"]["accuracy"]
    return name, f"{summary['seconds']:.1f}", f"{summary['loss']:.6f}", f"{accuracy:.2f} %"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer sizes and rounds")
    main(parser.parse_args().quick)
