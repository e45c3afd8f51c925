"""Open what a model is verified on: a benchmark by name or path, or a pair list over a source of images."""

from dataclasses import dataclass, replace
from pathlib import Path

from femb_cli.data.conversion.benchmark import write_benchmark
from femb_cli.data.open import open_source
from femb_cli.data.source import ImageSource
from femb_cli.data.synthetic.sets import synthetic_benchmark
from femb_cli.data.verification_bin.verification_set import read_verification_set
from femb_cli.evaluation.verification.benchmarks import BENCHMARKS, files_in, find_benchmark, find_set_file, locate
from femb_cli.evaluation.verification.pairs import PairList, read_pairs
from femb_cli.files import cache_folder, file_sha256
from femb_cli.progress import Progress, Say


@dataclass(frozen=True)
class PairSet:
    """What a model is verified on.

    Attributes:
        name: the benchmark's name, or the pair file's.
        title: its name in words.
        pairs: the pairs.
        images: where their images are.
        protocol: the rule of the accuracy.
    """

    name: str
    title: str
    pairs: PairList
    images: ImageSource
    protocol: str


def open_benchmark(
    name: str,
    data_dir: Path | None,
    *,
    say: Say,
    progress: Progress | None = None,
    protocol: str | None = None,
) -> PairSet:
    """Open a benchmark by name, fetching or drawing what is not here yet; or by the path of its directory or `.bin`.

    A name that femb does not know is looked for in `data_dir`, as a directory or as `NAME.bin`. The accuracy follows
    `protocol` or, if that is None, the benchmark's own rule (`arcface` for a directory or a `.bin`).

    Raises:
        FembError: there is none, or its files are missing and cannot be had, or damaged.
    """
    if name not in BENCHMARKS and (path := _find_set(name, data_dir)) is not None:
        if path.is_dir():
            return _open_directory(path, path.resolve().name, protocol or "arcface")
        return _open_directory(_unpacked(path), path.stem, protocol or "arcface")
    benchmark = find_benchmark(name)
    rule = protocol or benchmark.protocol
    if (file := find_set_file(benchmark, data_dir)) is not None:
        return replace(_open_directory(_unpacked(file), benchmark.name, rule), title=benchmark.title)
    if benchmark.archive is None:
        folder = synthetic_benchmark(say=say, progress=progress)
        pairs, images = folder / benchmark.pairs, folder / "images"
    else:
        files = locate(benchmark, data_dir, say=say, progress=progress)
        pairs, images = files.pairs, files.images
    return PairSet(benchmark.name, benchmark.title, read_pairs(pairs), open_source(images), rule)


def _find_set(name: str, data_dir: Path | None) -> Path | None:
    """Return the directory or file of a benchmark that has no name of its own."""
    here = [Path(name)] + ([] if data_dir is None else [data_dir / name, data_dir / f"{name}.bin"])
    return next((path for path in here if path.is_dir() or (path.is_file() and path.suffix == ".bin")), None)


def _unpacked(path: Path) -> Path:
    """Return the benchmark directory of a `.bin`, made in the cache when the file is first seen."""
    directory = cache_folder() / "benchmarks" / file_sha256(path)
    if not directory.is_dir():
        write_benchmark(read_verification_set(path), directory, source=path.name)
    return directory


def _open_directory(directory: Path, name: str, protocol: str) -> PairSet:
    files = files_in(directory)
    return PairSet(name, name, read_pairs(files.pairs), open_source(files.images), protocol)


def open_pairs(pairs: Path, images: Path, protocol: str = "arcface") -> PairSet:
    """Open a pair list of one's own over a folder, zip or dataset of images."""
    return PairSet(pairs.name, pairs.name, read_pairs(pairs), open_source(images), protocol)
