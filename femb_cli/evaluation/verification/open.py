"""Open what a model is verified on: a benchmark by name or path, or a pair list with a source of images."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from femb_cli.data.channels import stated_channels
from femb_cli.data.conversion.benchmark import write_benchmark
from femb_cli.data.open import open_source
from femb_cli.data.source import ImageSource
from femb_cli.data.synthetic.sets import benchmark_folder, synthetic_benchmark
from femb_cli.data.verification_bin.verification_set import read_verification_set
from femb_cli.evaluation.metrics.protocols import DEFAULT_PROTOCOL
from femb_cli.evaluation.verification.benchmark_files import files_in, files_to_download, find_set_file, locate
from femb_cli.evaluation.verification.benchmarks import BENCHMARKS, find_benchmark
from femb_cli.evaluation.verification.pair_file import read_pairs
from femb_cli.evaluation.verification.pair_formats.columns import NO_CHOICE, ColumnChoice
from femb_cli.evaluation.verification.pairs import PairList, join_lists
from femb_cli.files import cache_folder, exists, file_sha256, one_at_a_time
from femb_cli.progress import Say, ShowProgress, unseen


@dataclass(frozen=True)
class PairSet:
    """Pairs with their images, to verify a model on.

    Attributes:
        name: the benchmark's name, or the file name of the pair list.
        title: its display name.
        pairs: the pairs.
        images: the source of their images.
        protocol: the protocol of the accuracy, one of `PROTOCOL_NAMES`.
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
    show_progress: ShowProgress = unseen,
    protocol: str | None = None,
) -> PairSet:
    """Open a benchmark by its name, or by the path of a benchmark directory or `.bin` file.

    Files that are published are downloaded if needed, and femb's own benchmark is drawn. A name that femb does not
    know may be a directory or `NAME.bin` in `data_dir`.

    Args:
        name: name or path.
        data_dir: folder with the files of benchmarks; None for femb's cache.
        say: called with a line of text for each download.
        show_progress: shows the progress of what is downloaded or drawn.
        protocol: the protocol of the accuracy; None for the benchmark's own (`arcface` for a directory or `.bin`).

    Raises:
        FembError: there is no such benchmark, or its files are missing or damaged.
    """
    if name not in BENCHMARKS and (path := _directory_or_bin(name, data_dir)) is not None:
        own_name, directory = (path.resolve().name, path) if path.is_dir() else (path.stem, _unpack(path, say))
        return _open_directory(directory, own_name, protocol or DEFAULT_PROTOCOL)
    benchmark = find_benchmark(name)
    chosen = protocol or benchmark.protocol
    if (file := find_set_file(benchmark, data_dir)) is not None:
        return replace(_open_directory(_unpack(file, say), benchmark.name, chosen), title=benchmark.title)
    if benchmark.archive is None:
        folder = synthetic_benchmark(say=say, show_progress=show_progress)
        pairs, images = folder / benchmark.pairs, folder / "images"
    else:
        files = locate(benchmark, data_dir, say=say, show_progress=show_progress)
        pairs, images = files.pairs, files.images
    return PairSet(benchmark.name, benchmark.title, read_pairs(pairs), open_source(images), chosen)


def first_step(name: str, data_dir: Path | None) -> str:
    """Say what `open_benchmark` writes before it can open a benchmark: empty if it only has to read.

    Args:
        name: name or path, as `open_benchmark` takes it.
        data_dir: folder with the files of benchmarks; None for femb's cache.

    Raises:
        FembError: there is no such benchmark, or files are missing that femb can neither download nor draw.
    """
    if name not in BENCHMARKS and (path := _directory_or_bin(name, data_dir)) is not None:
        return "" if path.is_dir() else _unpacking(path)
    benchmark = find_benchmark(name)
    if (file := find_set_file(benchmark, data_dir)) is not None:
        return _unpacking(file)
    if benchmark.archive is None:
        return "" if benchmark_folder().is_dir() else "its faces are drawn"
    files = files_to_download(benchmark, data_dir)
    return f"{' and '.join(files)} {'are' if len(files) > 1 else 'is'} downloaded" if files else ""


def open_pairs(pairs: Path, images: Path, protocol: str | None = None) -> PairSet:
    """Open a pair list with a folder, zip or dataset of its images; the protocol is `arcface` if it is None."""
    return open_pair_lists((pairs,), images, protocol)


def open_pair_lists(
    pairs: Sequence[Path], images: Path, protocol: str | None = None, columns: ColumnChoice = NO_CHOICE
) -> PairSet:
    """Open one pair list or several of one set, with a folder, zip or dataset of their images.

    Args:
        pairs: the lists.
        images: the images.
        protocol: the protocol of the accuracy; `arcface` if it is None.
        columns: what the user says about the columns of the lists.

    Raises:
        FembError: a list or the images cannot be read.
    """
    joined = join_lists([read_pairs(path, images, columns) for path in pairs])
    return PairSet(joined.name, joined.name, joined, open_source(images), protocol or DEFAULT_PROTOCOL)


def _directory_or_bin(name: str, data_dir: Path | None) -> Path | None:
    """Find the directory or `.bin` file that a name refers to; None if there is none."""
    candidates = [Path(name)] + ([] if data_dir is None else [data_dir / name, data_dir / f"{name}.bin"])
    found = filter(exists, candidates)
    return next((path for path in found if path.is_dir() or (path.is_file() and path.suffix == ".bin")), None)


def _unpacking(path: Path) -> str:
    """Say that a `.bin` is unpacked, if the cache does not hold its images.

    Raises:
        FembError: it is damaged.
    """
    if _place_in_cache(path).is_dir():
        return ""
    read_verification_set(path)
    return f"{path} is unpacked into femb's cache"


def _place_in_cache(path: Path) -> Path:
    return cache_folder() / "benchmarks" / file_sha256(path)


def _unpack(path: Path, say: Say) -> Path:
    """Convert a `.bin` to a benchmark directory in the cache, and return it; an earlier conversion is reused."""
    directory = _place_in_cache(path)
    if not directory.is_dir():
        with one_at_a_time(directory, say):
            if not directory.is_dir():
                write_benchmark(read_verification_set(path), directory, source=path.name)
    return directory


def _open_directory(directory: Path, name: str, protocol: str) -> PairSet:
    """Open a benchmark directory."""
    files = files_in(directory)
    images = open_source(files.images, channels=stated_channels(directory))
    return PairSet(name, name, read_pairs(files.pairs), images, protocol)
