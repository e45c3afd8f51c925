"""Check and time femb on a GPU: everything that only a GPU can show, in one script.

    python benchmarks/gpu.py [--quick] [--minutes 8] [--device cpu]

Runs the tests of a GPU, then prints one table per question, in Markdown, a row as soon as it is known. Agreement is
measured in float32 with TF32 off, on the same weights and inputs; times are medians over synchronised rounds after a
warm-up; memory is the peak that torch allocated. A row that would begin after the given minutes is left out. An error
is printed in its row; the exit code is then 1. It needs one CUDA GPU and no data: images are random, or femb's drawn
faces. Without a GPU it is a dry run: tiny sizes walk through all tables on the CPU, and the figures mean nothing.
"""

import argparse
import copy
import functools
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from training_step import batch_of, femb_log

from femb_cli.backbones import build_backbone
from femb_cli.classifier import MarginClassifier
from femb_cli.config.schema import SGDConfig
from femb_cli.data.images.decode import decode_photo
from femb_cli.data.synthetic.faces import photograph
from femb_cli.faces import load_face_finder
from femb_cli.headers import build_header
from femb_cli.runtime.devices import peak_memory_gb
from femb_cli.training.optim.fused_sgd import FusedSGD
from femb_cli.training.optim.optimizers import build_optimizer

ROOT = Path(__file__).parents[1]
HEADERS = ("linear", "arcface", "cosface", "sphereface", "magface", "elasticface", "adaface", "curricularface")
DIM = 512
LARGEST_BATCH = 128
CPU_IDENTITIES = 3000
"""In a dry run, as many identities as are said to fit."""
WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "in blocks of 1,024": {"chunk": 1024},
    "in blocks of 8,192": {"chunk": 8192},
    "in blocks of 8,192, bfloat16 products": {"chunk": 8192, "matmul_precision": torch.bfloat16},
    "a tenth sampled, in blocks of 8,192": {"chunk": 8192, "sample_rate": 0.1},
}

Row = tuple[tuple[str, ...], Callable[[], tuple[str, ...]]]
"""The cells that say what a row is about, and the function that measures the others."""


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    agreement: tuple[str, ...]
    training: tuple[str, ...]
    batches: tuple[int, ...]
    steps: int
    classifier: tuple[tuple[int, int], ...]
    embedding: tuple[str, ...]
    rounds: int
    halvings: int
    quick_start: tuple[str, ...] = ()
    tests: str = "tests/gpu"

    @property
    def log_every(self) -> int:
        """Steps in an interval of the log: the first of three warms up."""
        return self.steps // 3


FULL = Sizes(
    agreement=("iresnet18", "mbf", "vit_t"),
    training=("iresnet50", "iresnet100", "vit_b"),
    batches=(128, 256, 512),
    steps=30,
    classifier=((512, 100_000), (128, 1_000_000)),
    embedding=("iresnet50", "iresnet100", "mbf", "vit_b"),
    rounds=15,
    halvings=7,
)
QUICK = Sizes(
    agreement=("iresnet18",),
    training=("iresnet50",),
    batches=(128,),
    steps=15,
    classifier=((128, 1_000_000),),
    embedding=("iresnet50",),
    rounds=5,
    halvings=4,
)
DRY = Sizes(
    agreement=("mbf",),
    training=("mbf",),
    batches=(4,),
    steps=3,
    classifier=((8, 2000),),
    embedding=("mbf",),
    rounds=1,
    halvings=2,
    quick_start=("data.num_identities=20", "data.images_per_identity=4", "backbone.width=0.125", "batch_size=16"),
    tests="tests/gpu/test_batches.py",
)


class Bench:
    """The device, the sizes and the end of the time of one run of this script."""

    def __init__(self, device: str, sizes: Sizes, minutes: float) -> None:
        self.device, self.sizes = torch.device(device), sizes
        self.ends = time.monotonic() + 60 * minutes
        self.failed = False

    # ---- Tables

    def print_all(self) -> None:
        """Run the tests and print all tables; the compiled trainings, minutes long, come last."""
        print(f"The tests of a GPU: {self.guarded(self.tests)[0]}\n", flush=True)
        self.table(("what", "largest relative difference, GPU against CPU"), self.agreement())
        speed = ("images/s", "of the GPU's peak", "peak GB")
        self.table(("training, bf16", "batch", *speed), self.training(compiles=False))
        self.table(
            ("classifier alone, batch 128, in blocks of 8,192, SGD with momentum", "most identities", "peak GB"),
            self.largest(),
        )
        self.table(("classifier, batch x identities", "way", "ms", "peak MB", "loss"), self.classifier())
        self.table(("embedding", "batch", "precision", "images/s"), self.embedding())
        self.table(("faces found", "photos at once", "photos/s"), self.detection())
        self.table(("run", "seconds", "loss", "accuracy"), self.quick_starts())
        self.table(("training, bf16, compiled", "batch", *speed), self.training(compiles=True))

    def table(self, columns: tuple[str, ...], rows: Iterable[Row]) -> None:
        """Print a Markdown table, a row as soon as it is known, as long as there is time for a row like the longest."""
        print("| " + " | ".join(columns) + " |\n|" + "---|" * len(columns), flush=True)
        longest = 0.0
        for label, measure in rows:
            started = time.monotonic()
            if started + longest > self.ends:
                print(f"| {', '.join(label)} and what follows: left out, the time is over |")
                break
            print("| " + " | ".join([*label, *self.guarded(measure)]) + " |", flush=True)
            longest = max(longest, time.monotonic() - started)
            self.release()
        print(flush=True)

    def guarded(self, measure: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
        """Measure, or return the error in one line; that the memory is too small is an answer, not a failure."""
        try:
            return measure()
        except torch.OutOfMemoryError:
            return ("out of memory",)
        except Exception as error:
            self.failed = True
            return (f"**failed**: {type(error).__name__}: {(str(error).strip().splitlines() or [''])[0][:300]}",)

    # ---- What the rows are

    def tests(self) -> tuple[str, ...]:
        """Run `pytest -m gpu` for half of the time at most; return its last line."""
        command = [sys.executable, "-m", "pytest", "-m", "gpu", self.sizes.tests, "--tb=line"]
        environment = {**os.environ, "FEMB_TEST_DEVICE": self.device.type}
        half = max(1.0, (self.ends - time.monotonic()) / 2)
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=half)
        self.failed |= done.returncode != 0
        lines = done.stdout.splitlines() or [done.stderr]
        for line in lines[:-1]:
            if line.startswith(("FAILED", "ERROR")):
                print(line)
        return (lines[-1],)

    def agreement(self) -> Iterator[Row]:
        """Embeddings, and each header's loss and gradients, on both devices."""
        for name in self.sizes.agreement:
            yield (f"{name}, embeddings",), functools.partial(embeddings_difference, name, self.device)
        for name in HEADERS:
            for way, chunk in (("plain", None), ("in blocks", 256)):
                measure = functools.partial(classifier_difference, name, chunk, self.device)
                yield (f"{name}, {way}: loss and gradients",), measure

    def training(self, compiles: bool) -> Iterator[Row]:
        """The training loop on a batch in memory, with 10,000 identities; the small batches of all networks first."""
        for batch in self.sizes.batches:
            for name in self.sizes.training:
                yield (name, str(batch)), functools.partial(self.training_speed, name, batch, compiles)

    def largest(self) -> Iterator[Row]:
        """How many identities fit beside nothing else."""
        for way, fused in (("update in the backward pass", True), ("gradient, then SGD", False)):
            yield (way,), functools.partial(self.most_identities, fused)

    def classifier(self) -> Iterator[Row]:
        """Forward and backward pass of the classifier in each of its ways, then with the update of SGD."""
        for batch, identities in self.sizes.classifier:
            size = f"{batch} x {identities:,}"
            for way, settings in WAYS.items():
                yield (size, way), functools.partial(self.classifier_step, batch, identities, settings)
            for way, fused in (("SGD after it", False), ("SGD within it (fused)", True)):
                measure = functools.partial(self.classifier_step, batch, identities, {"chunk": 1024}, fused)
                yield (size, f"in blocks of 1,024, {way}"), measure

    def embedding(self) -> Iterator[Row]:
        """Inference on images that are on the GPU already."""
        for name in self.sizes.embedding:
            for batch in (2,) if self.device.type == "cpu" else (64, 256):
                for precision in ("fp32", "bf16"):
                    yield (name, str(batch), precision), functools.partial(self.embedding_speed, name, batch, precision)

    def detection(self) -> Iterator[Row]:
        """Drawn photos searched for faces; the commands search eight photos at once on every core of the CPU."""
        for device, at_once in (("cpu", 8), (self.device.type, 8), (self.device.type, 64)):
            where = "one core of the CPU" if device == "cpu" else "the GPU"
            yield (where, str(at_once)), functools.partial(self.photos_per_second, device, at_once)

    def photos_per_second(self, device: str, at_once: int) -> tuple[str, ...]:
        """Photos that one thread searches in a second."""
        find = load_face_finder(device=device)
        photos = [decode_photo(photograph(0, person, 0).jpeg, person) for person in range(at_once)]
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        seconds = self.seconds_of(lambda: find(photos))
        torch.set_num_threads(threads)
        return (f"{at_once / seconds:,.0f}",)

    def quick_starts(self) -> Iterator[Row]:
        """`femb train`: unbroken, in bfloat16, and interrupted at half and resumed."""
        steps = 600 if self.device.type == "cuda" else 8
        yield ("femb train",), functools.partial(self.femb_train, "--steps", steps)
        bf16 = ("--set", "precision=bf16")
        yield ("femb train --set precision=bf16",), functools.partial(self.femb_train, "--steps", steps, *bf16)
        yield (f"{steps // 2} steps, then femb train --resume",), functools.partial(self.resumed_training, steps)

    # ---- How they are measured

    def training_speed(self, name: str, batch: int, compiles: bool) -> tuple[str, ...]:
        """Images per second, share of the peak rate and memory of femb's training loop, after a first interval."""
        settings = {"precision": "bf16", "log_every": self.sizes.log_every, "compile": compiles, "optimizer.lr": 1e-3}
        device = "cpu" if self.device.type == "cpu" else None
        lines = femb_log(name, *batch_of(batch), self.sizes.steps, settings, device)[1:]
        rate = statistics.median(line["images_per_second"] for line in lines)
        share = [line["mfu"] for line in lines if "mfu" in line]
        of_peak = f"{100 * statistics.median(share):.1f} %" if share else "not known"
        return f"{rate:,.0f}", of_peak, f"{lines[-1]['peak_memory_gb']:.1f}"

    def most_identities(self, fused: bool) -> tuple[str, ...]:
        """The largest number of identities with which a step can be taken, by halving the interval that it is in."""
        total = torch.cuda.mem_get_info()[1] if self.device.type == "cuda" else 2 * 4 * DIM * 2 * CPU_IDENTITIES
        fits, fits_not, peak = 0, total // (2 * 4 * DIM), 0.0  # weights and momentum alone would fill the memory
        for _ in range(self.sizes.halvings):
            tried = (fits + fits_not) // 2
            reached = self.peak_of_step(tried, fused)
            fits, fits_not, peak = (fits, tried, peak) if reached is None else (tried, fits_not, reached)
        return f"{fits:,} (not {fits_not:,})", f"{peak:.1f}"

    def peak_of_step(self, identities: int, fused: bool) -> float | None:
        """The peak memory of a step, 10^9 bytes; None if the memory is too small for it."""
        if self.device.type == "cpu" and identities > CPU_IDENTITIES:
            return None
        self.release()
        try:
            self.build_step(LARGEST_BATCH, identities, {"chunk": 8192}, fused)()
        except torch.OutOfMemoryError:
            return None
        return peak_memory_gb(self.device)

    def classifier_step(
        self, batch: int, identities: int, settings: dict[str, Any], fused: bool | None = None
    ) -> tuple[str, ...]:
        """Milliseconds, peak memory and first loss of a step of the classifier."""
        losses: list[float] = []
        step = self.build_step(batch, identities, settings, fused)
        seconds = self.seconds_of(lambda: losses.append(step()))
        return f"{1000 * seconds:.1f}", f"{1000 * peak_memory_gb(self.device):,.0f}", f"{losses[0]:.4f}"

    def build_step(
        self, batch: int, identities: int, settings: dict[str, Any], fused: bool | None
    ) -> Callable[[], float]:
        """A forward and backward pass of the classifier; `fused` adds SGD, within the backward pass or after it."""
        torch.manual_seed(0)
        with self.device:  # where a million class weights are drawn at once
            classifier = MarginClassifier(build_header("arcface"), DIM, identities, **settings)
            embeddings_BD = torch.randn(batch, DIM, requires_grad=True)
            labels_B = torch.randint(identities, (batch,))
        optimizer = None if fused is None else build_optimizer(SGDConfig(), torch.nn.Identity(), classifier)
        if fused:
            FusedSGD(classifier, optimizer)

        def step() -> float:
            classifier.zero_grad()
            embeddings_BD.grad = None
            loss = classifier(embeddings_BD, labels_B).loss
            loss.backward()
            if optimizer is not None:
                optimizer.step()
            return loss.item()

        return step

    def embedding_speed(self, name: str, batch: int, precision: str) -> tuple[str, ...]:
        """Images per second of a network in evaluation mode."""
        backbone = build_backbone(name).to(self.device).to(memory_format=torch.channels_last).eval()
        images_B3HW = torch.rand(batch, 3, 112, 112, device=self.device).contiguous(memory_format=torch.channels_last)

        @torch.inference_mode()
        def step() -> None:
            with torch.autocast(self.device.type, torch.bfloat16, enabled=precision == "bf16"):
                backbone(images_B3HW)

        return (f"{batch / self.seconds_of(step):,.0f}",)

    def seconds_of(self, step: Callable[[], object]) -> float:
        """Median seconds of a step after a warm-up, which the peak memory leaves out."""
        for _ in range(min(3, self.sizes.rounds)):
            step()
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        return statistics.median(self.seconds_of_one(step) for _ in range(self.sizes.rounds))

    def seconds_of_one(self, step: Callable[[], object]) -> float:
        """Seconds until the device has done a step."""
        self.wait()
        started = time.perf_counter()
        step()
        self.wait()
        return time.perf_counter() - started

    def wait(self) -> None:
        """Wait until the device has nothing to do."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def release(self) -> None:
        """Give back the memory of what has been measured, and count the peak anew."""
        torch._dynamo.reset()
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def resumed_training(self, steps: int) -> tuple[str, ...]:
        """A quick start that was interrupted at half; the seconds are those of the second half."""
        with tempfile.TemporaryDirectory() as folder:
            run = Path(folder) / "run"
            self.femb_train("--steps", steps // 2, run=run)
            return self.summary("--resume", run, "--steps", steps)

    def femb_train(self, *arguments: object, run: Path | None = None) -> tuple[str, ...]:
        """A quick start, in a directory of its own."""
        settings = [part for setting in self.sizes.quick_start for part in ("--set", setting)]
        with tempfile.TemporaryDirectory() as folder:
            return self.summary(*settings, *arguments, "--out", run or Path(folder) / "run")

    def summary(self, *arguments: object) -> tuple[str, ...]:
        """Run `femb train` in a process of its own; return its seconds, loss and accuracy."""
        device = ("--device", self.device.type)
        command = [sys.executable, "-m", "femb_cli", "train", *map(str, arguments), *device, "--json"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError((done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1])
        found = json.loads(done.stdout)
        return f"{found['seconds']:.1f}", f"{found['loss']:.6f}", f"{100 * found['verification']['accuracy']:.2f} %"


def embeddings_difference(name: str, device: torch.device) -> tuple[str, ...]:
    """The difference of a network's embeddings."""
    torch.manual_seed(0)
    images_B3HW = torch.rand(16, 3, 112, 112) * 2 - 1
    backbone = build_backbone(name).eval()
    with torch.inference_mode():
        expected_BD = backbone(images_B3HW)
        found_BD = copy.deepcopy(backbone).to(device)(images_B3HW.to(device)).cpu()
    return (f"{difference(found_BD, expected_BD):.1e}",)


def classifier_difference(header: str, chunk: int | None, device: torch.device) -> tuple[str, ...]:
    """The largest difference of a header's loss and gradients."""
    torch.manual_seed(0)
    embeddings_BD, labels_B = torch.randn(64, DIM) * 4, torch.randint(1000, (64,))
    classifier = MarginClassifier(build_header(header), DIM, 1000, chunk=chunk)
    expected, found = (loss_and_gradients(classifier, embeddings_BD, labels_B, where) for where in ("cpu", device))
    return (f"{max(map(difference, found, expected)):.1e}",)


def loss_and_gradients(
    classifier: MarginClassifier, embeddings_BD: Tensor, labels_B: Tensor, device: torch.device | str
) -> tuple[Tensor, ...]:
    """The loss of one batch and its gradients, on the CPU."""
    classifier = copy.deepcopy(classifier).to(device)
    classifier.seed(3)
    embeddings_BD = embeddings_BD.to(device, copy=True).requires_grad_()
    loss = classifier(embeddings_BD, labels_B.to(device)).loss
    loss.backward()
    assert embeddings_BD.grad is not None and classifier.weight.grad is not None
    return loss.detach().cpu(), embeddings_BD.grad.cpu(), classifier.weight.grad.cpu()


def difference(found: Tensor, expected: Tensor) -> float:
    """The largest difference relative to the largest entry."""
    return ((found - expected).abs().max() / expected.abs().max()).item()


def main() -> None:
    """Print what the machine is, and all tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer sizes and rounds")
    parser.add_argument("--minutes", type=float, default=8.0, help="rows that would begin later are left out")
    parser.add_argument("--device", choices=("cuda", "cpu"), help="cpu: a dry run; default: a GPU if there is one")
    options = parser.parse_args()
    device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    sizes = QUICK if options.quick else FULL
    if device == "cpu":
        print("**A dry run on the CPU: these figures mean nothing.**\n")
        torch.compile, sizes = functools.partial(torch.compile, backend="aot_eager"), DRY  # no compiler, no minute
    name = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    print(f"{name}, torch {torch.__version__}, CUDA {torch.version.cuda}\n", flush=True)
    bench = Bench(device, sizes, options.minutes)
    bench.print_all()
    sys.exit(bench.failed)


if __name__ == "__main__":
    main()
