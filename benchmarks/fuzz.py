"""Mutate files of every format that femb reads, and look whether anything but femb's own error comes out.

    python benchmarks/fuzz.py --cases 100000 --processes 2
    python benchmarks/fuzz.py --format zip --case 4711 --seed 1

A case is a small set whose files were mutated: it is opened, every image read, checked and decoded, and now and then
the whole set converted. A failure is any exception but `FembError`, a case of more than ten seconds, or one that ends
its process; its files, its traceback and the command that repeats it are kept. Each process has four GiB of address
space more than it starts with. A case depends on its format, its number and the seed alone, and on the golden files
where `--shared` adds them.
"""

import argparse
import faulthandler
import json
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
from dataclasses import dataclass, replace
from enum import Enum
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import numpy as np
from fuzz_seeds import SEEDS, Seed, golden_seeds

from femb_cli.data.convert import convert
from femb_cli.data.dataset import check_identities, read_facts
from femb_cli.data.decode import decode_image
from femb_cli.data.encoded import check_image
from femb_cli.data.folder import FileListSource
from femb_cli.data.recordio_format import MAGIC
from femb_cli.data.source import HasExtraColumns, ReadsMany, open_source
from femb_cli.data.verification_set import read_verification_set, write_benchmark
from femb_cli.errors import FembError

SECONDS_PER_CASE = 10
ADDRESS_SPACE = 4 * 2**30
CONVERTED = 0.125
MOST_IMAGES_READ = 2000
SECONDS_PER_LINE = 15
EXTREMES = (0, 1, 2, 4, 255, 2**16 - 1, 2**24, 2**29 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1, 2**64 - 1)
TOKENS = [
    *(b"\0", b"\r", b"\n", b"\t", b" ", b",", b'"', b"'", b"/", b"../", b"\\", b"\xef\xbb\xbf", b"\xff\xfe", b"\x85"),
    *("\u2028é\U0001f600\u202e".encode(), b"\xed\xa0\x80", b"-1", b"0", b"1e999", b"NaN", b"0x10", b"1_0", b"2.5"),
    *(str(number).encode() for number in EXTREMES[-8:]),
    *(b"9" * 5000, b"null", b"true", b"[]", b"{}", b'"text"', b"[0]", b'{"a": 1}', b'"\\ud800"', b"[" * 9999),
    *(
        b'"names"',
        b"image",
        b"path",
        b"label",
        b"bytes",
        b"features",
        b"_data_files",
        b"a.jpg",
        b"x" * 300,
        b"y" * 140_000,
    ),
]
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 2**63, 1.5, float("inf"), "", "text", "\ud800", "a\0b", "../.."),
    *([], [0], {}, {"a": 1}),
)


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


def flip_bytes(data: bytes, other: bytes, random: random.Random) -> bytes:
    """Change up to eight bytes."""
    changed = bytearray(data)
    for _ in range(random.randint(1, 8)):
        changed[random.randrange(len(data))] ^= random.choice((1, 2, 4, 8, 16, 32, 64, 128, random.randint(1, 255)))
    return bytes(changed)


def truncate(data: bytes, other: bytes, random: random.Random) -> bytes:
    """Cut the end off."""
    return data[: random.randrange(len(data))]


def insert(data: bytes, other: bytes, random: random.Random) -> bytes:
    """Insert a few bytes at random."""
    place = random.randint(0, len(data))
    return data[:place] + random.randbytes(random.randint(1, 64)) + data[place:]


def delete(data: bytes, other: bytes, random: random.Random) -> bytes:
    """Take a block out."""
    start, end = block(data, random)
    return data[:start] + data[end:]


def duplicate(data: bytes, other: bytes, random: random.Random) -> bytes:
    """Repeat a block, a few times or many."""
    start, end = block(data, random)
    return data[:end] + data[start:end] * random.choice((1, 1, 2, 20)) + data[end:]


def overwrite_integer(data: bytes, other: bytes, random: random.Random) -> bytes:
    """Overwrite 4 or 8 aligned bytes with an extreme integer, or one that means something in the file."""
    size = random.choice((4, 8))
    near = random.choice((MAGIC, len(data), len(data) // 2, random.randrange(len(data) + 1)))
    number = random.choice((*EXTREMES, near, near + 1)) % 2 ** (8 * size)
    start = random.randrange(0, len(data), 4)
    return data[:start] + number.to_bytes(size, random.choice(("little", "little", "big"))) + data[start + size :]


def splice(data: bytes, other: bytes, random: random.Random) -> bytes:
    """Let another file of the format take over somewhere."""
    return data[: random.randint(0, len(data))] + other[random.randint(0, len(other)) :]


def write_token(data: bytes, other: bytes, random: random.Random) -> bytes:
    """Insert a piece of text that is seldom thought of, or put it in a block's or a word's place."""
    start, end = random.choice((block(data, random), word(data, random)))
    return data[: random.choice((start, end))] + random.choice(TOKENS) + data[end:]


def replace_value(data: bytes, other: bytes, random: random.Random) -> bytes:
    """Put something odd in the place of a value in JSON, where it still is JSON."""
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        return data
    container: Any = [content]
    while isinstance(container, list | dict) and container:
        inner, key = container, random.choice(list(container) if isinstance(container, dict) else range(len(container)))
        container = container[key] if random.random() < 0.7 else None
    inner[key] = random.choice(ODD_VALUES)
    return json.dumps(content).encode()


def block(data: bytes, random: random.Random) -> tuple[int, int]:
    """Choose a block, short ones as often as long ones."""
    start = random.randrange(len(data))
    return start, min(len(data), start + random.randint(1, 4 ** random.randint(1, 6)))


def word(data: bytes, random: random.Random) -> tuple[int, int]:
    """Choose a word or a number of a text."""
    start = end = random.randrange(len(data))
    while start and data[start - 1 : start].isalnum():
        start -= 1
    while end < len(data) and data[end : end + 1].isalnum():
        end += 1
    return start, end


Mutation = Callable[[bytes, bytes, random.Random], bytes]
MUTATIONS: tuple[Mutation, ...] = (
    *(flip_bytes, flip_bytes, truncate, insert, delete, duplicate),
    *(overwrite_integer, overwrite_integer, splice),
)
TEXT_ENDINGS = (".json", ".idx", ".txt", ".list", ".lst", ".csv", ".tsv", "")
FURTHER = dict.fromkeys(TEXT_ENDINGS, (write_token,) * 12) | {".json": (write_token,) * 6 + (replace_value,) * 24}
"""Of mutations by file endings; the more often one stands there, the more often it is taken."""


def choose_file(seed: Seed, random: random.Random) -> str:
    """Choose the file that is opened, or one beside it; in a folder large files more often."""
    names = sorted(seed.files)
    if not seed.opened:
        return random.choices(names, [len(seed.files[name]) + 1 for name in names])[0]
    return seed.opened if random.random() < 0.6 else random.choice(names)


def all_seeds(format: str, shared: Path | None) -> list[Seed]:
    """Return the seeds of a format, those made here as often as the golden ones."""
    made = list(SEEDS[format]())
    golden = [] if shared is None else golden_seeds(format, shared)
    return made * max(1, len(golden) // len(made)) + golden


def mutate(seeds: list[Seed], random: random.Random) -> Seed:
    """Return one of the seeds with one of its files changed, two at times; a file's name may change, too."""
    seed, other = random.choice(seeds), random.choice(seeds)
    files = dict(seed.files)
    for _ in range(random.choice((1, 1, 2))):
        name = choose_file(seed, random)
        donors = [content for path, content in other.files.items() if Path(path).suffix == Path(name).suffix]
        mutations = MUTATIONS + FURTHER.get(Path(name).suffix, ())
        for _ in range(random.choice((1, 1, 1, 2, 4))):
            if files[name]:
                files[name] = random.choice(mutations)(files[name], random.choice(donors or [b""]), random)
    if not seed.opened and random.random() < 0.1:
        old = random.choice(sorted(files))
        raw = random.randbytes(random.randint(1, 20)).replace(b"\0", b"").replace(b"/", b"")
        files[str(Path(old).with_name("x")) + os.fsdecode(raw) + Path(old).suffix] = files.pop(old)
    return replace(seed, files=files)


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
        source = FileListSource([path]) if format == "image" else open_source(path)
        sound = [read_image(source.read, row) for row in range(min(len(source), MOST_IMAGES_READ))]
        rows_N = np.arange(len(sound))
        _ = [source.names[row] for row in rows_N.tolist()]
        if isinstance(source, ReadsMany):
            _ = [isinstance(read, FembError) or bytes(read) for read in source.read_many(rows_N)]
        if isinstance(source, HasExtraColumns) and (extra := source.extra(rows_N)) is not None:
            extra.to_pylist()
        if format == "arrow":
            read_facts(path)
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

    def guard(self) -> None:
        """Limit this process, and let a signal that ends it leave its stack behind."""
        complaints = os.open(self.scratch / "complaints", os.O_CREAT | os.O_RDWR | os.O_APPEND)
        os.dup2(complaints, 2)
        faulthandler.enable()
        faulthandler.register(signal.SIGALRM, chain=True)
        limit = process_memory("VmSize") + ADDRESS_SPACE
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        warnings.simplefilter("ignore")

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
        return mutate(self.seeds[format], chance), chance.random() < CONVERTED

    def run(self, format: str, case: int) -> Result:
        """Run one case."""
        seed, converts = self.mutated(format, case)
        os.ftruncate(2, 0)
        Path("/proc/self/clear_refs").write_text("5")
        held, started = process_memory("VmRSS"), time.perf_counter()
        fault = ""
        signal.alarm(SECONDS_PER_CASE)
        try:
            outcome = self.examine(seed, format, converts=converts)
        except Exception as error:
            outcome = Outcome.FAILED
            fault = f"{type(error).__name__} at {traceback.extract_tb(error.__traceback__)[-1]}"
            keep_failure(self.options, format, case, seed, traceback.format_exc())
        signal.alarm(0)
        return Result(outcome, time.perf_counter() - started, process_memory("VmHWM") - held, fault)

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
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
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
