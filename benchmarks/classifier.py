"""Time and memory of the classifier's forward and backward pass, beside arcface_torch's own code.

    git clone https://github.com/deepinsight/insightface
    python benchmarks/classifier.py insightface

Each contestant runs in a process of its own; the rounds alternate between them. Time: the median of all runs; memory:
the peak of the process (of the device) over what it holds once weights and inputs are there.
"""

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

SCALE, MARGIN, DIM = 64.0, 0.5, 512
PAGE = 4096


@dataclass(frozen=True)
class Case:
    """One table: its sizes, its contestants (the first is the measure of the others) and what is asked of them."""

    batch: int
    identities: int
    sample_rate: float
    contestants: tuple[str, ...]
    asked: str


CASES = (
    Case(512, 100_000, 1.0, ("arcface_torch", "femb plain", "femb", "femb bf16"), "time 0.65, bf16 0.4, memory 0.25"),
    Case(128, 1_000_000, 1.0, ("arcface_torch", "femb", "femb bf16"), "time 0.6, bf16 0.4, memory 0.21"),
    Case(128, 1_000_000, 0.1, ("arcface_torch", "femb", "femb all rows"), "time 0.5, memory 0.25"),
)


def femb_loss(case: Case, contestant: str, device: str) -> tuple[Callable[[Tensor, Tensor], Tensor], torch.nn.Module]:
    """Femb's classifier as a function of embeddings and labels, and the module with the weights."""
    from femb_cli.classifier import MarginClassifier
    from femb_cli.headers import build_header

    classifier = MarginClassifier(
        build_header("arcface", scale=SCALE, margin=MARGIN, gradient="official"),
        DIM,
        case.identities,
        chunk=None if contestant == "femb plain" else 2048,
        sample_rate=case.sample_rate,
        sparse_gradient=contestant != "femb all rows",
        products=torch.bfloat16 if contestant == "femb bf16" else None,
    ).to(device)
    return lambda embeddings, labels: classifier(embeddings, labels).loss, classifier


def arcface_torch_loss(
    case: Case, checkout: Path, device: str
) -> tuple[Callable[[Tensor, Tensor], Tensor], torch.nn.Module]:
    """The same of arcface_torch, whose code wants a process group and asks for a GPU by name."""
    sys.path.insert(0, str(checkout / "recognition" / "arcface_torch"))
    from losses import CombinedMarginLoss  # type: ignore[import-not-found]
    from partial_fc_v2 import PartialFC_V2  # type: ignore[import-not-found]

    if device == "cpu":
        torch.Tensor.cuda = lambda tensor, *_, **__: tensor  # type: ignore[assignment]
    store = tempfile.mktemp()
    torch.distributed.init_process_group(
        "gloo" if device == "cpu" else "nccl", init_method=f"file://{store}", rank=0, world_size=1
    )
    margin = CombinedMarginLoss(SCALE, 1.0, MARGIN, 0.0)
    classifier = PartialFC_V2(margin, DIM, case.identities, case.sample_rate, fp16=False).to(device)
    return lambda embeddings, labels: classifier(embeddings, labels.clone()), classifier


class PeakMemory:
    """The highest resident (or device) memory while it is entered, over that at the start, in bytes."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.bytes = 0

    @contextlib.contextmanager
    def watch(self) -> Iterator[None]:
        """Watch from a thread; on a GPU its allocator counts."""
        if self.device != "cpu":
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
            yield
            self.bytes = torch.cuda.max_memory_allocated() - before
            return
        stop, before = threading.Event(), resident()
        thread = threading.Thread(target=self._poll, args=(stop, before))
        thread.start()
        yield
        stop.set()
        thread.join()

    def _poll(self, stop: threading.Event, before: int) -> None:
        while not stop.wait(0.002):
            self.bytes = max(self.bytes, resident() - before)


def resident() -> int:
    """Resident memory of this process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def contest(case: Case, contestant: str, checkout: Path, device: str) -> None:
    """In a process of its own: for each line on stdin, run once and print seconds, bytes and the loss as JSON."""
    torch.manual_seed(0)
    make = arcface_torch_loss(case, checkout, device) if contestant == "arcface_torch" else None
    loss_of, classifier = make or femb_loss(case, contestant, device)
    generator = torch.Generator().manual_seed(0)
    embeddings = torch.randn(case.batch, DIM, generator=generator).to(device).requires_grad_()
    labels = torch.randint(case.identities, (case.batch,), generator=generator).to(device)
    with torch.no_grad():
        classifier.weight.copy_(torch.randn(case.identities, DIM, generator=generator).mul_(0.01))
    for _ in sys.stdin:
        embeddings.grad = classifier.weight.grad = None
        memory = PeakMemory(device)
        with memory.watch():
            start = time.perf_counter()
            loss = loss_of(embeddings, labels)
            loss.backward()
            value = loss.item()
            if device != "cpu":
                torch.cuda.synchronize()
            seconds = time.perf_counter() - start
        print(json.dumps([seconds, memory.bytes, value]), flush=True)


def run_case(number: int, checkout: Path, device: str, rounds: int) -> None:
    """Let the contestants of a case take turns, and print the table."""
    case = CASES[number]
    arguments = [sys.executable, __file__, str(checkout), "--device", device, "--case", str(number), "--contestant"]
    figures: dict[str, list[tuple[float, int, float]]] = {name: [] for name in case.contestants}
    with contextlib.ExitStack() as stack:
        processes = {
            name: stack.enter_context(
                subprocess.Popen([*arguments, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            for name in case.contestants
        }
        for round_ in range(rounds + 1):
            for name, process in processes.items():
                assert process.stdin is not None and process.stdout is not None
                process.stdin.write("\n")
                process.stdin.flush()
                figure = json.loads(process.stdout.readline())
                if round_ > 0:
                    figures[name].append(figure)
        for process in processes.values():
            assert process.stdin is not None
            process.stdin.close()
    print_table(case, figures)


def print_table(case: Case, figures: dict[str, list[tuple[float, int, float]]]) -> None:
    """One row a contestant; ratios to the first."""
    rate = f", sample_rate {case.sample_rate:g}" if case.sample_rate < 1 else ""
    print(f"\n{case.batch} samples, {case.identities:,} identities{rate} (asked: {case.asked})\n".replace(",", " ", 1))
    print("| | seconds | ratio | peak MB over the weights | ratio | loss |\n|---|--:|--:|--:|--:|--:|")
    first = None
    for name, runs in figures.items():
        seconds = statistics.median(run[0] for run in runs)
        megabytes = max(run[1] for run in runs) / 1e6
        first = first or (seconds, megabytes)
        loss = statistics.median(run[2] for run in runs)
        ratios = seconds / first[0], megabytes / first[1]
        print(f"| {name} | {seconds:.2f} | {ratios[0]:.2f} | {megabytes:.0f} | {ratios[1]:.2f} | {loss:.4f} |")


def main() -> None:
    """Run all cases, or one contestant in a process that `run_case` started."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path, help="of github.com/deepinsight/insightface")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--case", type=int, choices=range(len(CASES)))
    parser.add_argument("--contestant", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contestant:
        contest(CASES[options.case], options.contestant, options.checkout, options.device)
        return
    for number in range(len(CASES)) if options.case is None else [options.case]:
        run_case(number, options.checkout, options.device, options.rounds)


if __name__ == "__main__":
    main()
