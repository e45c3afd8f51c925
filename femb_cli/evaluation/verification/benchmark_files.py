"""Find the files of a benchmark on this machine, or download them."""

import os
from dataclasses import dataclass
from pathlib import Path

from femb_cli.errors import FembError
from femb_cli.evaluation.download import download
from femb_cli.evaluation.verification.benchmarks import BENCHMARKS, Benchmark
from femb_cli.files import cache_folder, file_sha256
from femb_cli.progress import Say, ShowProgress, in_kilobytes, unseen


@dataclass(frozen=True)
class BenchmarkFiles:
    """The files of a benchmark: a zip or folder of images, and the pair list."""

    images: Path
    pairs: Path


def files_in(directory: Path) -> BenchmarkFiles:
    """Find the files of a benchmark directory: `images` or `images.zip`, and `pairs.csv` or `pairs.txt`.

    Raises:
        FembError: the directory does not hold exactly one of each.
    """
    return BenchmarkFiles(
        _single_entry(directory, "images", "images.zip"), _single_entry(directory, "pairs.csv", "pairs.txt")
    )


def is_benchmark(directory: Path) -> bool:
    """Whether a directory holds the images and the pair list of a benchmark."""
    return all(
        any((directory / name).exists() for name in names)
        for names in (("images", "images.zip"), ("pairs.csv", "pairs.txt"))
    )


def locate(
    benchmark: Benchmark, data_dir: Path | None, *, say: Say, show_progress: ShowProgress = unseen
) -> BenchmarkFiles:
    """Find the files of a benchmark, and download published files that are missing.

    Searches `data_dir` and the cache; in each also the subfolder with the benchmark's name and `protocols`.
    Downloads go to `data_dir`, or to the cache if that is None.

    Raises:
        FembError: a file is missing and cannot be downloaded; the hint says which files to put where.
    """
    folders = _folders(benchmark, data_dir)
    assert benchmark.archive is not None, f"{benchmark.name} has no files of its own"
    images, pairs = (
        _archive_or_folder(folders, file)
        or _fetch(benchmark, file, _download_folder(benchmark, data_dir), say, show_progress)
        for file in (benchmark.archive, benchmark.pairs)
    )
    _check_published(benchmark, {benchmark.archive: images, benchmark.pairs: pairs}, say)
    return BenchmarkFiles(images, pairs)


def find_set_file(benchmark: Benchmark, data_dir: Path | None) -> Path | None:
    """Find the `.bin` verification set of a benchmark in the folders that `locate` searches.

    Returns:
        The file; None if the benchmark has none, or if its archive and its pair list are there and take precedence.

    Raises:
        FembError: the file is missing, and the benchmark has no archive.
    """
    folders = _folders(benchmark, data_dir)
    if benchmark.set_file is None or _has_images_and_pairs(benchmark, folders):
        return None
    found = next((folder / benchmark.set_file for folder in folders if (folder / benchmark.set_file).is_file()), None)
    if found is None and benchmark.archive is None:
        raise FembError(
            f"{benchmark.title}: {benchmark.set_file} is not in {_download_folder(benchmark, data_dir)}",
            hint=f"name its folder with --data-dir or FEMB_DATA_DIR; {benchmark.origin}",
        )
    return found


def files_to_download(benchmark: Benchmark, data_dir: Path | None) -> list[str]:
    """Return the names of the benchmark's files that `locate` downloads, its archive and its pair list.

    Raises:
        FembError: the first of them that is not published for download; the hint says which files to put where.
    """
    folders = _folders(benchmark, data_dir)
    files = [file for file in (benchmark.archive, benchmark.pairs) if file and not _archive_or_folder(folders, file)]
    if files and _address(benchmark) is None:
        raise _not_published(benchmark, files[0], _download_folder(benchmark, data_dir))
    return files


def is_here(benchmark: Benchmark, data_dir: Path | None) -> bool:
    """Whether the files of a benchmark are in the folders that `locate` searches, so that nothing is downloaded."""
    folders = _folders(benchmark, data_dir)
    set_file = benchmark.set_file
    has_set = set_file is not None and any((folder / set_file).is_file() for folder in folders)
    return has_set or _has_images_and_pairs(benchmark, folders)


def benchmark_here() -> str | None:
    """Return the first benchmark of photographs whose files are in FEMB_DATA_DIR or femb's cache; None if none is."""
    given = os.environ.get("FEMB_DATA_DIR")
    folder = Path(given) if given else None
    return next((name for name, benchmark in BENCHMARKS.items() if is_here(benchmark, folder)), None)


def _download_folder(benchmark: Benchmark, data_dir: Path | None) -> Path:
    """The folder where a missing file goes."""
    return data_dir or cache_folder() / benchmark.name


def _folders(benchmark: Benchmark, data_dir: Path | None) -> list[Path]:
    """The folders to search for a benchmark's files."""
    roots = [root for root in (data_dir, cache_folder()) if root]
    return [folder for root in roots for folder in (root, root / benchmark.name, root / "protocols")]


def _single_entry(directory: Path, *names: str) -> Path:
    """The one of these files and folders that is in the directory; refuses none or several."""
    found = [name for name in names if (directory / name).exists()]
    if len(found) != 1:
        holds = " and ".join(found) or f"neither {' nor '.join(names)}"
        raise FembError(
            f"{directory} is no benchmark directory: it holds {holds}",
            hint="it has images or images.zip, and pairs.csv or pairs.txt: one of each",
        )
    return directory / found[0]


def _archive_or_folder(folders: list[Path], file: str) -> Path | None:
    """The file, or the folder of an unpacked archive."""
    candidates = [folder / name for folder in folders for name in (file, file.removesuffix(".zip"))]
    return next((path for path in candidates if path.exists()), None)


def _has_images_and_pairs(benchmark: Benchmark, folders: list[Path]) -> bool:
    """Whether a benchmark has an archive, and both that and the pair list are in these folders."""
    files = (benchmark.archive, benchmark.pairs)
    return benchmark.archive is not None and all(_archive_or_folder(folders, file) for file in files if file)


def _check_published(benchmark: Benchmark, found: dict[str, Path], say: Say) -> None:
    """Warn of files that differ from the published ones."""
    for file, published in benchmark.sha256:
        if (checksum := file_sha256(found[file])) != published:
            say(
                f"warning: {found[file]} is not the published file (SHA-256 {checksum}, published {published}):"
                f" the metrics cannot be compared with published ones for {benchmark.title}"
            )


def _fetch(benchmark: Benchmark, file: str, home: Path, say: Say, show_progress: ShowProgress) -> Path:
    """Download one file of a benchmark.

    Raises:
        FembError: it is not published, the download fails, or its checksum is not the published one.
    """
    base = _address(benchmark)
    if base is None:
        say(f"{benchmark.archive or benchmark.set_file}: {benchmark.origin}")
        raise _not_published(benchmark, file, home)
    url = f"{base.rstrip('/')}/{file}"
    say(f"downloading {url}")
    try:
        with show_progress(f"downloading {file} (kB)") as progress:
            size = download(url, home / file, sha256=dict(benchmark.sha256).get(file), progress=in_kilobytes(progress))
    except FembError as error:
        raise FembError(
            f"{benchmark.title}: {error.message}", hint=error.hint or _by_hand(benchmark, f"into {home}/")
        ) from error
    say(f"{home / file}: {size:,} bytes, SHA-256 {file_sha256(home / file)}")
    return home / file


def _address(benchmark: Benchmark) -> str | None:
    """Return where the files of a benchmark are published; None if nowhere."""
    return os.environ.get("FEMB_MIRROR") or benchmark.url


def _not_published(benchmark: Benchmark, file: str, home: Path) -> FembError:
    message = f"{benchmark.title}: {file} is not in {home}, and femb cannot fetch it"
    return FembError(message, hint=_by_hand(benchmark, "there"))


def _by_hand(benchmark: Benchmark, where: str) -> str:
    files = " and ".join(filter(None, (benchmark.archive, benchmark.pairs)))
    return f"put {files} {where}, or use --data-dir DIR"
