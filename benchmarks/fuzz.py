"""Mutate files of every format that femb reads, and look whether anything but femb's own error comes out.

    python benchmarks/fuzz.py --cases 100000 --processes 2
    python benchmarks/fuzz.py --format zip --case 4711 --seed 1

A case is a small set whose files were mutated: it is opened, every image read, checked and decoded, and now and then
the whole set converted. Of the format `checkpoint` it is weights: they are converted, and the result, like whatever is
femb's own, is loaded and inspected. A failure is any exception but `FembError`, a case of more than ten seconds, one
that takes more than a gigabyte, one that ends its process, or one that starts a program, reaches for the network or
writes outside of its folder; its files, its traceback and the command that repeats it are kept. Each case has four GiB
of address space more than its process has when it begins. A case depends on its format, its number and the seed alone,
and on the golden files where `--shared` adds them.
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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from multiprocessing.connection import Connection, wait
from pathlib import Path

import numpy as np
import torch
from fuzz_checkpoint_mutations import FURTHER as FURTHER_FOR_CHECKPOINTS
from fuzz_checkpoint_seeds import checkpoint_seeds
from fuzz_mutations import FURTHER, mutate
from fuzz_seeds import SEEDS as DATA_SEEDS
from fuzz_seeds import Seed, golden_seeds

from femb_cli.checkpoints.inspection import inspect_model
from femb_cli.checkpoints.official import convert_checkpoint
from femb_cli.checkpoints.runs import MODEL
from femb_cli.data.conversion.benchmark import write_benchmark
from femb_cli.data.conversion.convert import convert
from femb_cli.data.files.folder import FileListSource
from femb_cli.data.huggingface.dataset_info import read_dataset_info
from femb_cli.data.images.decode import decode_image
from femb_cli.data.images.encoded import check_image
from femb_cli.data.open import open_source
from femb_cli.data.source import HasExtraColumns, ReadsMany, check_identities
from femb_cli.data.verification_bin.verification_set import read_verification_set
from femb_cli.errors import FembError
from femb_cli.inference import load_embedder

SEEDS = DATA_SEEDS | {"checkpoint": checkpoint_seeds}
MUTATIONS_BY_ENDING = FURTHER | FURTHER_FOR_CHECKPOINTS
SECONDS_PER_CASE = 10
ADDRESS_SPACE = 4 * 2**30
CONVERTED = 0.125
MOST_IMAGES_READ = 2000
SECONDS_PER_LINE = 15
MOST_GROWTH = 10**9
STARTS = ("os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "subprocess.Popen", "pickle.find_class")
REACHES = ("socket.connect", "socket.bind", "socket.getaddrinfo", "urllib.Request", "webbrowser.open")
TO_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
WRITES = ("os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.link", "os.truncate", "shutil.rmtree")


class Outcome(Enum):
    """What became of a case."""

    WHOLE = "read whole"
    PARTLY = "read in part"
    REFUSED = "refused"
    FAILED = "failures"


@dataclass(frozen=True)
class Result:
    """Attributes: the outcome; how long it took; resident memory at its peak over that before, bytes; the fault."""

    outcome: Outcome
    seconds: float
    growth: int
    fault: str = ""


@dataclass(frozen=True)
class Options:
    """What all cases of a run share."""

    seed: int
    shared: Path | None
    failures: Path

    def command(self, format: str, case: int) -> str:
        """Return the command that repeats a case."""
        words = ["python", "benchmarks/fuzz.py", "--format", format, "--case", str(case), "--seed", str(self.seed)]
        return shlex.join(words + (["--shared", str(self.shared)] if self.shared else []))


def all_seeds(format: str, shared: Path | None) -> list[Seed]:
    """Return the seeds of a format, those made here as often as the golden ones."""
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


def examine(path: Path, format: str, *, copy: Path | None) -> Outcome:
    """Do all that femb does with the images at `path`; with `copy`, convert them to there, too."""
    try:
        if format == "verification":
            return examine_pairs(path, copy)
        if format == "checkpoint":
            return examine_checkpoint(path)
        source = FileListSource([path]) if format == "image" else open_source(path)
        sound = [read_image(source.read, row) for row in range(min(len(source), MOST_IMAGES_READ))]
        rows_N = np.arange(len(sound))
        _ = [source.names[row] for row in rows_N.tolist()]
        if isinstance(source, ReadsMany):
            _ = [isinstance(read, FembError) or bytes(read) for read in source.read_many(rows_N)]
        if isinstance(source, HasExtraColumns) and (extra := source.extra(rows_N)) is not None:
            extra.to_pylist()
        if format == "arrow":
            read_dataset_info(path)
        if copy is not None and format != "image":
            convert(source, copy, on_error="skip")
            check_identities(source)
    except FembError:
        return Outcome.REFUSED
    return Outcome.WHOLE if all(sound) else Outcome.PARTLY


def examine_pairs(path: Path, copy: Path | None) -> Outcome:
    """Read a verification set and all images in it."""
    pairs = read_verification_set(path)
    sound = [read_image(pairs.images.__getitem__, row) for row in range(min(len(pairs.images), MOST_IMAGES_READ))]
    if copy is not None:
        write_benchmark(pairs, copy, source=path.name, on_error="skip")
    return Outcome.WHOLE if all(sound) else Outcome.PARTLY


def examine_checkpoint(path: Path) -> Outcome:
    """Convert weights, load and inspect the result; load and inspect femb's own and ONNX files as they are, too.

    Raises:
        AssertionError: something is left of a conversion that was refused, or what was converted is not sound.
    """
    converted, is_own_folder = path.with_name("converted"), (path / MODEL).is_file()
    # Beside class weights of femb's own, the network must be named.
    official = path / MODEL if is_own_folder else path
    done = [succeeds(lambda: convert_checkpoint(official, converted, say=lambda text: None))]
    assert converted.exists() == done[0], "something is left of a conversion that was refused"
    if done[0]:
        assert succeeds(lambda: load_embedder(converted, "cpu")), "what was converted cannot be loaded"
        assert inspect_model(converted).problem is None, "what was converted is not sound"
    if path.suffix == ".onnx" or is_own_folder:
        done += [succeeds(lambda: load_embedder(path, "cpu")), succeeds(lambda: inspect_model(path))]
    return Outcome.WHOLE if all(done) else Outcome.PARTLY if any(done) else Outcome.REFUSED


def succeeds(step: Callable[[], object]) -> bool:
    """Whether a step ends without femb's own error."""
    try:
        step()
    except FembError:
        return False
    return True


class Watch:
    """Notices what a case must not do, whatever becomes of the exception that would tell.

    Args:
        allowed: the folder that a case may write into.
    """

    def __init__(self, allowed: Path) -> None:
        self.allowed = f"{allowed.resolve()}/"
        self.is_on = False
        self.seen: list[str] = []
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        """Take an audit event of the interpreter."""
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


def read_image(read: Callable[[int], bytes], row: int) -> bool:
    """Read, check and decode one image; whether it is sound."""
    try:
        encoded = read(row)
    except FembError:
        return False
    return check(encoded, decode=False) & check(encoded, decode=True) & decodes(encoded, 112) & decodes(encoded, None)


def check(encoded: bytes, *, decode: bool) -> bool:
    """Whether `check_image` finds nothing; its ValueError is its answer."""
    try:
        check_image(encoded, decode=decode)
    except ValueError:
        return False
    return True


def decodes(encoded: bytes, size: int | None) -> bool:
    """Whether an image decodes."""
    try:
        decode_image(encoded, size)
    except FembError:
        return False
    return True


class Workshop:
    """Runs cases in this process, which a case may end.

    Args:
        options: of the run.
        scratch: an empty folder; what decoders complain about, and the stack of a process that is ended, go to the
            file `complaints` in it.
    """

    def __init__(self, options: Options, scratch: Path) -> None:
        self.options = options
        self.scratch = scratch
        self.seeds: dict[str, list[Seed]] = {}
        self.watch = Watch(scratch)

    def guard(self) -> None:
        """Let a signal that ends this process leave its stack behind, and keep complaints off the terminal."""
        complaints = os.open(self.scratch / "complaints", os.O_CREAT | os.O_RDWR | os.O_APPEND)
        os.dup2(complaints, 2)
        faulthandler.enable()
        faulthandler.register(signal.SIGALRM, chain=True)
        warnings.simplefilter("ignore")
        torch.set_num_threads(1)

    def prepare(self, format: str) -> None:
        """Make the seeds of a format, which must be read whole; whatever femb imports is imported thereby.

        Raises:
            FembError: One of them is not read whole.
        """
        for seed in SEEDS[format]():
            outcome = self.examine(seed, format, converts=True)
            if outcome is not Outcome.WHOLE:
                raise FembError(f"a seed of {format} with the files {', '.join(seed.files)} is {outcome.value}")
        self.seeds[format] = all_seeds(format, self.options.shared)

    def mutated(self, format: str, case: int) -> tuple[Seed, bool]:
        """Return the files of a case, and whether they are to be converted."""
        chance = random.Random(f"{self.options.seed} {format} {case}")
        return mutate(self.seeds[format], chance, MUTATIONS_BY_ENDING), chance.random() < CONVERTED

    def run(self, format: str, case: int) -> Result:
        """Run one case."""
        seed, converts = self.mutated(format, case)
        os.ftruncate(2, 0)
        Path("/proc/self/clear_refs").write_text("5")
        # Anew for each case: Arrow keeps address space, not memory, of allocations that came to nothing.
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
        """Write files, examine them and remove them."""
        folder = self.scratch / "case"
        folder.mkdir()
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
    """A figure of /proc/self/status, which counts in KiB."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return 1024 * int(status.partition(f"\n{field}:")[2].split(maxsplit=1)[0])


def work(questions: Connection, options: Options, scratch: Path) -> None:
    """In a process of its own: answer each format and number with the `Result`, until None comes."""
    workshop = Workshop(options, scratch)
    workshop.guard()
    for question in iter(questions.recv, None):
        format, case = question
        try:
            if format not in workshop.seeds:
                workshop.prepare(format)
            questions.send(workshop.run(format, case))
        except FembError as error:
            questions.send(error)


class Worker:
    """A process that runs cases, and is started anew when one has ended it."""

    def __init__(self, options: Options, scratch: Path) -> None:
        self.options = options
        self.scratch = scratch
        self.case: tuple[str, int] | None = None
        self.start()

    def start(self) -> None:
        """Start the process in an empty folder."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir()
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=work, args=(theirs, self.options, self.scratch), daemon=True)
        self.process.start()
        theirs.close()

    def ask(self, case: tuple[str, int] | None) -> None:
        """Hand the process its next case; None lets it end."""
        self.case = case
        self.connection.send(case)

    def answer(self) -> Result:
        """Return what became of the case, also where it has ended the process.

        Raises:
            FembError: The seeds of its format are not sound.
        """
        try:
            answer = self.connection.recv()
        except (EOFError, ConnectionResetError):
            return self._bury()
        if isinstance(answer, FembError):
            raise answer
        return answer

    def _bury(self) -> Result:
        """Keep what is known of a case that has ended the process, and start another."""
        assert self.case is not None, "a process that has no case waits for one"
        self.process.join()
        code = self.process.exitcode or 0
        fault = "took too long" if code == -signal.SIGALRM else f"ended its process with status {code}"
        complaints = (self.scratch / "complaints").read_text(encoding="utf-8", errors="replace")
        workshop = Workshop(self.options, self.scratch)
        format, case = self.case
        workshop.seeds[format] = all_seeds(format, self.options.shared)
        keep_failure(self.options, format, case, workshop.mutated(format, case)[0], f"{fault}\n\n{complaints}")
        self.start()
        return Result(Outcome.FAILED, 0, 0, fault)


def run_all(formats: list[str], cases: int, processes: int, options: Options) -> dict[str, list[Result]]:
    """Run all cases, a format after the other, and tell how far it is."""
    results: dict[str, list[Result]] = defaultdict(list)
    waiting = iter([(format, case) for format in formats for case in range(cases // len(formats))])
    with tempfile.TemporaryDirectory(prefix="fuzz-", ignore_cleanup_errors=True) as scratch:
        workers = [Worker(options, Path(scratch) / str(number)) for number in range(processes)]
        told = time.monotonic()
        for worker in workers:
            worker.ask(next(waiting, None))
        while busy := {worker.connection: worker for worker in workers if worker.case is not None}:
            ready = wait(list(busy))
            for worker, (format, _) in [(w, w.case) for c, w in busy.items() if c in ready and w.case]:
                results[format].append(worker.answer())
                worker.ask(next(waiting, None))
            if time.monotonic() - told > SECONDS_PER_LINE:
                told = time.monotonic()
                tell(results, cases)
        for worker in workers:
            worker.process.join()
    return results


def repeat(format: str, case: int, options: Options) -> Outcome:
    """Run one case in this process, and let whatever it raises through."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
        workshop = Workshop(options, Path(scratch))
        workshop.prepare(format)
        seed, converts = workshop.mutated(format, case)
        return workshop.examine(seed, format, converts=converts)


def tell(results: dict[str, list[Result]], cases: int) -> None:
    """Say how far it is."""
    done = [result for of_format in results.values() for result in of_format]
    failures = sum(result.outcome is Outcome.FAILED for result in done)
    print(f"cases {len(done):>7}/{cases}   {list(results)[-1]:<12}   failures {failures}", file=sys.stderr, flush=True)


def table(results: dict[str, list[Result]]) -> Iterator[str]:
    """Yield the lines of the table: a format a row."""
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
    parser.add_argument("--format", action="append", choices=list(SEEDS), help="only this one, may be repeated")
    parser.add_argument("--shared", type=Path, metavar="DIR", help="mutate the golden files of this folder, too")
    parser.add_argument("--failures", type=Path, default=Path("fuzz-failures"), help="where failures are kept")
    parser.add_argument("--case", type=int, help="run only this one, of one format, in this process")
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
