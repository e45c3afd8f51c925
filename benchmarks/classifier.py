"""Measure time and memory of the classifier's forward and backward pass, beside arcface_torch's own code.

    git clone https://github.com/deepinsight/insightface CHECKOUT
    python benchmarks/classifier.py CHECKOUT

All compute ArcFace with scale 64 and margin 0.5 in float32, on the same weights and the same batch. Each contestant
runs in its own process. The contestants of a case take turns, one run in each round; the first round warms up. Time is
the median of the rounds. Memory is the peak, resident or on the GPU, above what the process held before its first run,
when weights and inputs were loaded. Without sampling the losses must agree.

The last case is a whole step of SGD with momentum and weight decay; its memory is that above the weights and the
momentum.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from femb_cli.classifier import MarginClassifier
from femb_cli.config.schema import DEFAULT_CHUNK
from femb_cli.errors import FembError
from femb_cli.headers import build_header
from femb_cli.training.optim.fused_sgd import FusedSGD

SCALE, MARGIN, DIM = 64.0, 0.5, 512
OFFICIAL = "arcface_torch"
FEMB: dict[str, dict[str, Any]] = {
    "femb, plain": {},
    "femb, in blocks": {"chunk": DEFAULT_CHUNK},
    "femb, in blocks, bfloat16 products": {"chunk": DEFAULT_CHUNK, "matmul_precision": torch.bfloat16},
    "femb, in blocks, SGD within the backward pass": {"chunk": DEFAULT_CHUNK},
}
PLAIN, BLOCKS, BFLOAT16, FUSED = FEMB

Loss = Callable[[Tensor, Tensor], Tensor]
"""From embeddings (B, D) and labels (B,) to the loss."""


@dataclass(frozen=True)
class Case:
    """One table: its sizes, femb's variants in it, what they must reach, and whether it is a whole step."""

    batch: int
    identities: int
    sample_rate: float
    variants: tuple[str, ...]
    asked: str
    steps: bool = False


CASES = (
    Case(512, 100_000, 1.0, (PLAIN, BLOCKS, BFLOAT16), "time at most 0.65, bfloat16 0.4; memory at most 0.25"),
    Case(128, 1_000_000, 1.0, (BLOCKS, BFLOAT16), "time at most 0.6, bfloat16 0.4; memory at most 0.21"),
    Case(128, 1_000_000, 0.1, (BLOCKS,), "time at most 0.5; memory at most 0.25"),
    Case(128, 1_000_000, 1.0, (BLOCKS, FUSED), "memory below that of the weights, 2048 MB", steps=True),
)


@dataclass(frozen=True)
class Run:
    """One forward and backward pass; `peak` in bytes above the weights and inputs."""

    seconds: float
    peak: int
    loss: float


def build_official(case: Case, checkout: Path, device: str) -> tuple[Loss, nn.Module]:
    """Build PartialFC_V2; it needs a process group, and always moves its samples to a GPU.

    Raises:
        FembError: the checkout has no arcface_torch.
    """
    folder = checkout / "recognition" / "arcface_torch"
    if not (folder / "partial_fc_v2.py").is_file():
        raise FembError(
            f"no partial_fc_v2.py in {folder}", hint="git clone https://github.com/deepinsight/insightface CHECKOUT"
        )
    sys.path.insert(0, str(folder))
    from losses import CombinedMarginLoss  # type: ignore[import-not-found]
    from partial_fc_v2 import PartialFC_V2  # type: ignore[import-not-found]

    if device == "cpu":
        torch.Tensor.cuda = torch.Tensor.cpu  # type: ignore[method-assign, assignment]
    backend, store = "gloo" if device == "cpu" else "nccl", torch.distributed.HashStore()
    torch.distributed.init_process_group(backend, store=store, rank=0, world_size=1)
    classifier = PartialFC_V2(CombinedMarginLoss(SCALE, 1.0, MARGIN, 0.0), DIM, case.identities, case.sample_rate)
    classifier.to(device)
    return classifier, classifier


def build_femb(case: Case, variant: str, device: str) -> tuple[Loss, nn.Module]:
    """Build femb's classifier."""
    header = build_header("arcface", scale=SCALE, margin=MARGIN, gradient="official")
    options = FEMB[variant]
    classifier = MarginClassifier(header, DIM, case.identities, sample_rate=case.sample_rate, **options).to(device)
    return lambda embeddings_BD, labels_B: classifier(embeddings_BD, labels_B).loss, classifier


def contest(case: Case, contestant: str, checkout: Path, device: str) -> None:
    """Run once for each line of standard input and print the `Run` as JSON; called in a contestant's process."""
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    build = build_official(case, checkout, device) if contestant == OFFICIAL else build_femb(case, contestant, device)
    loss_of, classifier = build
    weight_CD = classifier.weight
    assert isinstance(weight_CD, nn.Parameter), "class weights are a parameter"
    torch.manual_seed(0)
    embeddings_BD = torch.randn(case.batch, DIM).to(device).requires_grad_()
    labels_B = torch.randint(case.identities, (case.batch,)).to(device)
    nn.init.normal_(weight_CD, std=0.01)
    optimizer = sgd_of(classifier, weight_CD, fused=contestant == FUSED) if case.steps else None
    held = memory(device)
    for _ in sys.stdin:
        reset_peak(device)
        started = time.perf_counter()
        loss = loss_of(embeddings_BD, labels_B)
        loss.backward()
        if optimizer is not None:
            optimizer.step()
        value = loss.item()
        if device != "cpu":
            torch.cuda.synchronize()
        run = Run(time.perf_counter() - started, peak_memory(device) - held, value)
        del loss
        embeddings_BD.grad = weight_CD.grad = None
        print(json.dumps(vars(run)), flush=True)


def sgd_of(classifier: nn.Module, weight_CD: nn.Parameter, *, fused: bool) -> torch.optim.Optimizer:
    """Build the optimizer of the class weights, with a momentum of zeros; fused: the backward pass takes its steps."""
    optimizer = torch.optim.SGD([weight_CD], lr=0.01, momentum=0.9, weight_decay=5e-4)
    optimizer.state[weight_CD]["momentum_buffer"] = torch.zeros_like(weight_CD).fill_(
        0
    )  # the writing makes it resident
    if fused:
        assert isinstance(classifier, MarginClassifier), "only femb's classifier takes steps"
        FusedSGD(classifier, optimizer)
    return optimizer


def memory(device: str) -> int:
    """Return the bytes that the process, or torch on the GPU, holds now."""
    return process_memory("VmRSS") if device == "cpu" else torch.cuda.memory_allocated()


def peak_memory(device: str) -> int:
    """Return the most bytes held since `reset_peak`."""
    return process_memory("VmHWM") if device == "cpu" else torch.cuda.max_memory_allocated()


def reset_peak(device: str) -> None:
    """Forget the peak so far."""
    if device == "cpu":
        Path("/proc/self/clear_refs").write_text("5")
    else:
        torch.cuda.reset_peak_memory_stats()


def process_memory(field: str) -> int:
    """Return an entry of /proc/self/status, which counts in KiB, in bytes."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return 1024 * int(status[field].split()[0])


@contextlib.contextmanager
def process_of(contestant: str, arguments: list[str]) -> Iterator[Callable[[], Run]]:
    """Start a contestant and yield a function that asks it for one run."""
    command = [sys.executable, "-W", "ignore", __file__, *arguments, "--contestant", contestant]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        questions, answers = process.stdin, process.stdout
        assert questions is not None and answers is not None, "both are pipes"

        def run() -> Run:
            with contextlib.suppress(BrokenPipeError):
                print(file=questions, flush=True)
            answer = answers.readline()
            if not answer:
                raise FembError(
                    f"{contestant} ended with status {process.wait()} (arguments: {' '.join(arguments)})",
                    hint="its error stands above; status -9 means that memory ran out",
                )
            return Run(**json.loads(answer))

        yield run


def take_turns(case: Case, arguments: list[str], rounds: int) -> dict[str, list[Run]]:
    """Return the runs of all contestants, without the first round."""
    runs: dict[str, list[Run]] = {}
    with contextlib.ExitStack() as stack:
        contestants = (OFFICIAL, *case.variants)
        processes = {name: stack.enter_context(process_of(name, arguments)) for name in contestants}
        for _ in range(rounds + 1):
            for name, run in processes.items():
                runs.setdefault(name, []).append(run())
    return {name: of_one[1:] for name, of_one in runs.items()}


def check_losses(runs: dict[str, list[Run]]) -> None:
    """Check that all contestants compute the same loss.

    Raises:
        FembError: a loss differs from arcface_torch's.
    """
    expected = runs[OFFICIAL][0].loss
    for name, (first, *_) in runs.items():
        if abs(first.loss - expected) > (1e-2 if name == BFLOAT16 else 1e-4) * expected:
            raise FembError(f"the loss of {name} is {first.loss}, that of {OFFICIAL} {expected}")


def print_table(case: Case, runs: dict[str, list[Run]]) -> None:
    """Print one row for each contestant, with ratios to arcface_torch."""
    rate = "" if case.sample_rate == 1 else f", sample rate {case.sample_rate:g}"
    whole = ", a whole step" if case.steps else ""
    print(f"\n{case.batch} samples, {case.identities} identities{rate}{whole} (asked: {case.asked}):\n")
    print("| what | time, s | ratio | peak over the weights, MB | ratio | loss |\n|---|--:|--:|--:|--:|--:|")
    seconds = {name: statistics.median(run.seconds for run in of_one) for name, of_one in runs.items()}
    peak = {name: max(run.peak for run in of_one) / 1e6 for name, of_one in runs.items()}
    for name, of_one in runs.items():
        time_ratio, memory_ratio = seconds[name] / seconds[OFFICIAL], peak[name] / peak[OFFICIAL]
        cells = f"{seconds[name]:.2f} | {time_ratio:.2f} | {peak[name]:.0f} | {memory_ratio:.2f}"
        print(f"| {name} | {cells} | {of_one[0].loss:.4f} |", flush=True)


def main() -> None:
    """Run one case or all cases; in a process that `process_of` started, run one contestant."""
    parser = argparse.ArgumentParser(description="Compare femb's classifier with arcface_torch's.")
    parser.add_argument("checkout", type=Path, help="a clone of github.com/deepinsight/insightface")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--case", type=int, choices=range(1, len(CASES) + 1), help="only this one")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--contestant", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contestant:
        contest(CASES[options.case - 1], options.contestant, options.checkout, options.device)
        return
    print(f"torch {torch.__version__}, {options.device}, {len(os.sched_getaffinity(0))} cores, {options.rounds} rounds")
    for number in [options.case] if options.case else range(1, len(CASES) + 1):
        case = CASES[number - 1]
        arguments = [str(options.checkout), "--device", options.device, "--case", str(number)]
        runs = take_turns(case, arguments, options.rounds)
        if case.sample_rate == 1:
            check_losses(runs)
        print_table(case, runs)


if __name__ == "__main__":
    main()
