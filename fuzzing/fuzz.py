"""Mutate files of every format that femb reads, and check that the only error is femb's own.

    python fuzzing/fuzz.py --cases 100000 --processes 2
    python fuzzing/fuzz.py --format zip --case 4711 --seed 1

A case is a small dataset with mutated files. femb opens it and reads, checks and decodes every image; one case in eight
is also converted. In the format `checkpoint` a case is weights: femb converts them, and loads and inspects the result.
femb's own checkpoints and ONNX files are also loaded and inspected as they are.

A case fails if it raises another exception than `FembError`, takes more than ten seconds or a gigabyte, ends its
process, starts a program, uses the network, or writes outside its directory. Its files, its traceback and the command
that repeats it are kept. Each case may use four GiB of address space more than its process has at the start.

A case depends only on its format, its number and the seed, and on the golden files that `--shared` adds.
"""

import argparse
import faulthandler
import multiprocessing
import os
import random
import resource
import shlex
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path

import torch
from archive_mutations import FURTHER as FURTHER_FOR_ARCHIVES
from archive_seeds import lmdb_seeds, tar_seeds, webdataset_seeds
from checkpoint_mutations import FURTHER as FURTHER_FOR_CHECKPOINTS
from checkpoint_seeds import checkpoint_seeds
from evaluation_seeds import pair_seeds, score_seeds, template_seeds
from examine import Outcome, examine
from mutations import FURTHER, mutate
from network_seeds import mxnet_seeds, onnx_seeds
from seeds import SEEDS as DATA_SEEDS
from seeds import Seed, golden_seeds
from table_mutations import FURTHER as FURTHER_FOR_TABLES

from femb_cli.errors import FembError

SEEDS = DATA_SEEDS | {
    "tar": tar_seeds,
    "webdataset": webdataset_seeds,
    "lmdb": lmdb_seeds,
    "scores": score_seeds,
    "pairs": pair_seeds,
    "templates": template_seeds,
    "onnx": onnx_seeds,
    "mxnet": mxnet_seeds,
    "checkpoint": checkpoint_seeds,
}
MUTATIONS_BY_ENDING = FURTHER | FURTHER_FOR_ARCHIVES | FURTHER_FOR_TABLES | FURTHER_FOR_CHECKPOINTS
SECONDS_PER_CASE = 10
ADDRESS_SPACE = 4 * 2**30
CONVERTED = 0.125
SECONDS_PER_LINE = 15
MOST_GROWTH = 10**9
STARTS = ("os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "subprocess.Popen", "pickle.find_class")
REACHES = ("socket.connect", "socket.bind", "socket.getaddrinfo", "urllib.Request", "webbrowser.open")
TO_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
WRITES = ("os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.link", "os.truncate", "shutil.rmtree")


@dataclass(frozen=True)
class Result:
    """The result of a case.

    Attributes:
        outcome: What became of it.
        seconds: How long it took.
        growth: Peak of the resident memory above that before the case, bytes.
        fault: What is wrong, empty if nothing is.
    """

    outcome: Outcome
    seconds: float
    growth: int
    fault: str = ""


@dataclass(frozen=True)
class Options:
    """The settings of a run."""

    seed: int
    shared: Path | None
    failures: Path

    def command(self, format: str, case: int) -> str:
        """Return the command that repeats a case."""
        words = ["python", "fuzzing/fuzz.py", "--format", format, "--case", str(case), "--seed", str(self.seed)]
        return shlex.join(words + (["--shared", str(self.shared)] if self.shared else []))


def all_seeds(format: str, shared: Path | None) -> list[Seed]:
    """Return the seeds of a format; the built-in ones are repeated until they are about as many as the golden ones."""
    made = list(SEEDS[format]())
    golden = [] if shared is None else golden_seeds(format, shared)
    return made * max(1, len(golden) // len(made)) + golden


def write_files(seed: Seed, folder: Path) -> Path:
    """Write the files of a case and return what to open."""
    for name, content in seed.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder / seed.opened


class Watch:
    """Records the forbidden actions of a case through audit events, even if an exception hides them.

    Args:
        allowed: The directory that a case may write to.
    """

    def __init__(self, allowed: Path) -> None:
        self.allowed = f"{allowed.resolve()}/"
        self.is_on = False
        self.seen: list[str] = []
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        """Handle an audit event of the interpreter."""
        if not self.is_on:
            return
        is_write = event in WRITES or (event == "open" and bool(int(str(arguments[2])) & TO_WRITE))
        if event in STARTS + REACHES or (is_write and not self._is_allowed(event, arguments)):
            self.seen.append(f"{event} {arguments!r}"[:300])

    def _is_allowed(self, event: str, arguments: tuple[object, ...]) -> bool:
        path, folder = arguments[0], arguments[-1]
        if isinstance(path, int) or path is None:
            return True
        start = f"/proc/self/fd/{folder}" if event != "open" and isinstance(folder, int) and folder >= 0 else "."
        text = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else str(path)
        return f"{Path(start, text).resolve()}/".startswith(self.allowed)


class CaseRunner:
    """Runs cases in this process, which a case may end.

    Args:
        options: The settings of the run.
        scratch: An empty directory; the messages of decoders, and the stack of a process that ends, go to the file
            `stderr` in it.
    """

    def __init__(self, options: Options, scratch: Path) -> None:
        self.options = options
        self.scratch = scratch
        self.seeds: dict[str, list[Seed]] = {}
        self.watch = Watch(scratch)

    def guard(self) -> None:
        """Redirect stderr to a file, and write the stack there if a signal ends this process."""
        stderr = os.open(self.scratch / "stderr", os.O_CREAT | os.O_RDWR | os.O_APPEND)
        os.dup2(stderr, 2)
        faulthandler.enable()
        faulthandler.register(signal.SIGALRM, chain=True)
        warnings.simplefilter("ignore")
        torch.set_num_threads(1)

    def prepare(self, format: str) -> None:
        """Make the seeds of a format and examine each, which also imports all modules that femb needs.

        Raises:
            FembError: A seed is not read whole.
        """
        for seed in SEEDS[format]():
            outcome = self.examine(seed, format, converts=True)
            if outcome is not Outcome.WHOLE:
                raise FembError(f"a seed of {format} with the files {', '.join(seed.files)} is {outcome.value}")
        self.seeds[format] = all_seeds(format, self.options.shared)

    def mutated(self, format: str, case: int) -> tuple[Seed, bool]:
        """Return the files of a case, and whether to convert them."""
        chance = random.Random(f"{self.options.seed} {format} {case}")
        return mutate(self.seeds[format], chance, MUTATIONS_BY_ENDING), chance.random() < CONVERTED

    def run(self, format: str, case: int) -> Result:
        """Run one case."""
        seed, converts = self.mutated(format, case)
        os.ftruncate(2, 0)
        Path("/proc/self/clear_refs").write_text("5")
        # Set the limit again for each case: Arrow keeps the address space of failed allocations.
        resource.setrlimit(resource.RLIMIT_AS, (process_memory("VmSize") + ADDRESS_SPACE, resource.RLIM_INFINITY))
        held, started = process_memory("VmRSS"), time.perf_counter()
        fault = ""
        signal.alarm(SECONDS_PER_CASE)
        self.watch.seen, self.watch.is_on, trace = [], True, ""
        try:
            outcome = self.examine(seed, format, converts=converts)
        except Exception as error:
            fault, trace = (
                f"{type(error).__name__} at {traceback.extract_tb(error.__traceback__)[-1]}",
                traceback.format_exc(),
            )
        signal.alarm(0)
        self.watch.is_on = False
        seconds, growth = time.perf_counter() - started, process_memory("VmHWM") - held
        if growth > MOST_GROWTH:
            fault = f"took {growth / 1e6:.0f} MB"
        if self.watch.seen:
            fault = f"did {self.watch.seen[0]}"
        if fault:
            outcome = Outcome.FAILED
            keep_failure(self.options, format, case, seed, f"{fault}\n\n{trace}")
        return Result(outcome, seconds, growth, fault)

    def examine(self, seed: Seed, format: str, *, converts: bool) -> Outcome:
        """Write the files of a case, examine them and remove them."""
        folder = self.scratch / "case"
        folder.mkdir()
        os.environ["FEMB_CACHE_DIR"] = str(folder / "cache")
        try:
            opened = write_files(seed, folder / "set")
            return examine(opened, format, copy=folder / "copy" if converts else None)
        finally:
            shutil.rmtree(folder)


def keep_failure(options: Options, format: str, case: int, seed: Seed, trace: str) -> None:
    """Write a failure's files, its traceback and the command that repeats it."""
    folder = options.failures / f"{format}-{case}"
    write_files(seed, folder / "set")
    (folder / "failure.txt").write_text(f"{options.command(format, case)}\n\n{trace}", encoding="utf-8")


def process_memory(field: str) -> int:
    """Return a value of /proc/self/status in bytes."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return 1024 * int(status.partition(f"\n{field}:")[2].split(maxsplit=1)[0])


def run_cases(connection: Connection, options: Options, scratch: Path) -> None:
    """Run the cases that arrive, in a worker process, and send the `Result` of each, until None arrives."""
    runner = CaseRunner(options, scratch)
    runner.guard()
    for format, case in iter(connection.recv, None):
        try:
            if format not in runner.seeds:
                runner.prepare(format)
            connection.send(runner.run(format, case))
        except FembError as error:
            connection.send(error)


class Worker:
    """A process that runs cases, and is replaced when a case has ended it."""

    def __init__(self, options: Options, scratch: Path) -> None:
        self.options = options
        self.scratch = scratch
        self.case: tuple[str, int] | None = None
        self.start()

    def start(self) -> None:
        """Start the process in an empty directory."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir()
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=run_cases, args=(theirs, self.options, self.scratch), daemon=True)
        self.process.start()
        theirs.close()

    def send(self, case: tuple[str, int] | None) -> None:
        """Send the process its next case; None ends it."""
        self.case = case
        self.connection.send(case)

    def receive(self) -> Result:
        """Return the result of the case, also if it has ended the process.

        Raises:
            FembError: A seed of its format is not read whole.
        """
        try:
            result = self.connection.recv()
        except (EOFError, ConnectionResetError):
            return self._replace_process()
        if isinstance(result, FembError):
            raise result
        return result

    def _replace_process(self) -> Result:
        """Keep the files of the case that ended the process, and start another process."""
        assert self.case is not None, "a process without a case waits for one"
        self.process.join()
        code = self.process.exitcode or 0
        fault = "took too long" if code == -signal.SIGALRM else f"ended its process with status {code}"
        stderr = (self.scratch / "stderr").read_text(encoding="utf-8", errors="replace")
        runner = CaseRunner(self.options, self.scratch)
        format, case = self.case
        runner.seeds[format] = all_seeds(format, self.options.shared)
        keep_failure(self.options, format, case, runner.mutated(format, case)[0], f"{fault}\n\n{stderr}")
        self.start()
        return Result(Outcome.FAILED, 0, 0, fault)


def run_all(formats: list[str], cases: int, processes: int, options: Options) -> dict[str, list[Result]]:
    """Run all cases, one format after the other, and print the progress."""
    results: dict[str, list[Result]] = defaultdict(list)
    waiting = iter([(format, case) for format in formats for case in range(cases // len(formats))])
    with tempfile.TemporaryDirectory(prefix="fuzz-", ignore_cleanup_errors=True) as scratch:
        workers = [Worker(options, Path(scratch) / str(number)) for number in range(processes)]
        last_line = time.monotonic()
        for worker in workers:
            worker.send(next(waiting, None))
        while busy := {worker.connection: worker for worker in workers if worker.case is not None}:
            ready = wait(list(busy))
            for worker, (format, _) in [(w, w.case) for c, w in busy.items() if c in ready and w.case]:
                results[format].append(worker.receive())
                worker.send(next(waiting, None))
            if time.monotonic() - last_line > SECONDS_PER_LINE:
                last_line = time.monotonic()
                print_progress(results, cases)
        for worker in workers:
            worker.process.join()
    return results


def repeat(format: str, case: int, options: Options) -> Outcome:
    """Run one case in this process, without catching its exception."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
        runner = CaseRunner(options, Path(scratch))
        runner.prepare(format)
        seed, converts = runner.mutated(format, case)
        return runner.examine(seed, format, converts=converts)


def print_progress(results: dict[str, list[Result]], cases: int) -> None:
    """Print the number of cases and failures so far."""
    done = [result for of_format in results.values() for result in of_format]
    failures = sum(result.outcome is Outcome.FAILED for result in done)
    print(f"cases {len(done):>7}/{cases}   {list(results)[-1]:<12}   failures {failures}", file=sys.stderr, flush=True)


def table(results: dict[str, list[Result]]) -> Iterator[str]:
    """Yield the lines of the table, with a row for each format."""
    yield f"| format | cases | {' | '.join(outcome.value for outcome in Outcome)} | slowest, s | memory growth, MB |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|"
    everything = [result for of_format in results.values() for result in of_format]
    for format, of_format in [*results.items(), ("all", everything)]:
        counts = Counter(result.outcome for result in of_format)
        cells = " | ".join(str(counts[outcome]) for outcome in Outcome)
        slowest = max(result.seconds for result in of_format)
        growth = max(result.growth for result in of_format) / 1e6
        yield f"| {format} | {len(of_format)} | {cells} | {slowest:.2f} | {growth:.0f} |"


def main() -> None:
    """Run all cases, or one."""
    parser = argparse.ArgumentParser(description="Mutate files of every format that femb reads.")
    parser.add_argument("--cases", type=int, default=100_000, help="over all formats")
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--format", action="append", choices=list(SEEDS), help="run only this format; may be repeated")
    parser.add_argument("--shared", type=Path, metavar="DIR", help="also mutate the golden files of this folder")
    parser.add_argument("--failures", type=Path, default=Path("fuzz-failures"), help="where failures are kept")
    parser.add_argument("--case", type=int, help="run only this case, of one format, in this process")
    arguments = parser.parse_args()
    options = Options(arguments.seed, arguments.shared, arguments.failures)
    formats = arguments.format or list(SEEDS)
    if arguments.case is not None and len(formats) != 1:
        parser.error("--case needs one --format")
    if arguments.case is not None:
        print(repeat(formats[0], arguments.case, options).value)
        return
    results = run_all(formats, arguments.cases, arguments.processes, options)
    print("\n".join(table(results)))
    faults = Counter(result.fault for of_format in results.values() for result in of_format if result.fault)
    for fault, times in faults.most_common():
        print(f"{times:>6} x {fault}", file=sys.stderr)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
