"""The benchmarks that femb knows by name: their files, where they are published and the protocol that scores them."""

import os
from dataclasses import dataclass
from pathlib import Path

from femb_cli.errors import FembError, UsageError
from femb_cli.evaluation.verification.download import download
from femb_cli.files import cache_folder, file_sha256
from femb_cli.progress import Progress, Say


@dataclass(frozen=True)
class Benchmark:
    """A published verification set.

    Attributes:
        name: what `--dataset` calls it.
        title: what people call it.
        archive: file name of the zip with the aligned images, or None for a set without one.
        pairs: file name of the pair list.
        protocol: the accuracy's rule, see `protocols.py`.
        url: the folder that both files are published in, or None.
        sha256: known checksums by file name.
        origin: where a person finds the files.
        set_file: file name of the verification set that holds images and pairs in one, or None.
    """

    name: str
    title: str
    archive: str | None
    pairs: str
    protocol: str
    url: str | None = None
    sha256: tuple[tuple[str, str], ...] = ()
    origin: str = ""
    set_file: str | None = None


def _insightface_set(name: str, title: str) -> Benchmark:
    """A set that InsightFace hands out with its training sets."""
    return Benchmark(
        name=name,
        title=title,
        archive=None,
        pairs="",
        protocol="arcface",
        origin=f"{name}.bin comes with InsightFace's training sets, faces_emore for one",
        set_file=f"{name}.bin",
    )


BENCHMARKS = {
    benchmark.name: benchmark
    for benchmark in (
        Benchmark(
            name="xqlfw",
            title="XQLFW (cross-quality LFW)",
            archive="xqlfw_aligned_112.zip",
            pairs="xqlfw_pairs.txt",
            protocol="xqlfw",
            url="https://github.com/Martlgap/xqlfw/releases/download/1.0",
            sha256=(("xqlfw_pairs.txt", "636852f90b886f3f56c73b13c9775f7ffcd37662dbb189c694f6a0a605b63b84"),),
            origin="https://martlgap.github.io/xqlfw/pages/download.html",
        ),
        Benchmark(
            name="lfw",
            title="LFW View 2",
            archive="lfw_aligned_112.zip",
            pairs="pairs.txt",
            protocol="arcface",
            origin="pairs.txt is LFW's own; the archive holds LFW aligned to 112 x 112, <name>/<name>_0001.jpg;"
            " InsightFace's lfw.bin will do, too",
            set_file="lfw.bin",
        ),
        Benchmark(
            name="lfw-dev",
            title="LFW View 1, test pairs",
            archive="lfw_aligned_112.zip",
            pairs="pairsDevTest.txt",
            protocol="arcface",
            origin="pairsDevTest.txt is LFW's own; the archive holds LFW aligned to 112 x 112, <name>/<name>_0001.jpg",
        ),
        _insightface_set("cfp_fp", "CFP-FP (frontal and profile)"),
        _insightface_set("cfp_ff", "CFP-FF (frontal)"),
        _insightface_set("agedb_30", "AgeDB-30"),
        _insightface_set("calfw", "CALFW (cross-age LFW)"),
        _insightface_set("cplfw", "CPLFW (cross-pose LFW)"),
        _insightface_set("vgg2_fp", "VGG2-FP"),
        Benchmark(
            name="synthetic",
            title="femb's procedural faces",
            archive=None,
            pairs="pairs.txt",
            protocol="arcface",
            origin="drawn by femb itself",
        ),
    )
}
DEFAULT_BENCHMARK = "xqlfw"


@dataclass(frozen=True)
class BenchmarkFiles:
    """A benchmark's files on this machine: a zip or a folder of images, and the pair list."""

    images: Path
    pairs: Path


def find_benchmark(name: str) -> Benchmark:
    """Look a benchmark up by name, however people write it: `cfp_fp`, `CFP-FP`.

    Raises:
        UsageError: there is none of that name.
    """
    written = {_plain(known): known for known in BENCHMARKS}
    if _plain(name) not in written:
        raise UsageError(
            f"unknown benchmark {name!r}: known are {', '.join(BENCHMARKS)}",
            hint="a directory with images and pairs.csv or pairs.txt may be given as well; --pairs scores a list of"
            " your own",
        )
    return BENCHMARKS[written[_plain(name)]]


def files_in(directory: Path) -> BenchmarkFiles:
    """Find a benchmark's files in a directory of one's own: `images` or `images.zip`, `pairs.csv` or `pairs.txt`.

    Raises:
        FembError: it does not have exactly one of each.
    """
    return BenchmarkFiles(_only(directory, "images", "images.zip"), _only(directory, "pairs.csv", "pairs.txt"))


def locate(
    benchmark: Benchmark,
    data_dir: Path | None,
    *,
    say: Say,
    progress: Progress | None = None,
) -> BenchmarkFiles:
    """Find a benchmark's files, downloading those that are published and not here.

    Looked for under `data_dir` (and its subfolders named after the benchmark and `protocols`) and the cache;
    downloads go to the former if it is given, else to the latter.

    Raises:
        FembError: a file is missing and cannot be had; says which files to put where.
    """
    home = data_dir or cache_folder() / benchmark.name
    folders = _folders(benchmark, data_dir)
    assert benchmark.archive is not None, f"{benchmark.name} has no files of its own to look for"
    found: dict[str, Path] = {}
    for file in (benchmark.archive, benchmark.pairs):
        here = _unpacked_or_file(folders, file)
        found[file] = here or _fetch(benchmark, file, home, say, progress)
    _check_published(benchmark, found, say)
    return BenchmarkFiles(found[benchmark.archive], found[benchmark.pairs])


def find_set_file(benchmark: Benchmark, data_dir: Path | None) -> Path | None:
    """Find a benchmark's verification set where `locate` looks, unless its archive is there; None if it has none.

    Raises:
        FembError: it comes as a verification set only, and that is missing.
    """
    folders = _folders(benchmark, data_dir)
    if benchmark.set_file is None or (benchmark.archive and _unpacked_or_file(folders, benchmark.archive)):
        return None
    found = next((folder / benchmark.set_file for folder in folders if (folder / benchmark.set_file).is_file()), None)
    if found is None and benchmark.archive is None:
        raise FembError(
            f"{benchmark.title}: {benchmark.set_file} is not in {data_dir or cache_folder() / benchmark.name}",
            hint=f"name its folder with --data-dir or FEMB_DATA_DIR; {benchmark.origin}",
        )
    return found


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")


def _folders(benchmark: Benchmark, data_dir: Path | None) -> list[Path]:
    """Where a benchmark's files may be."""
    roots = [root for root in (data_dir, cache_folder()) if root]
    return [folder for root in roots for folder in (root, root / benchmark.name, root / "protocols")]


def _only(directory: Path, *names: str) -> Path:
    """The one of these that is there."""
    found = [name for name in names if (directory / name).exists()]
    if len(found) != 1:
        holds = " and ".join(found) or f"neither {' nor '.join(names)}"
        raise FembError(
            f"{directory} is no benchmark directory: it holds {holds}",
            hint="a benchmark directory has images or images.zip, and pairs.csv or pairs.txt: one of each",
        )
    return directory / found[0]


def _check_published(benchmark: Benchmark, found: dict[str, Path], say: Say) -> None:
    for file, published in benchmark.sha256:
        if (checksum := file_sha256(found[file])) != published:
            say(
                f"warning: {found[file]} is not the published file (SHA-256 {checksum}, published {published}):"
                f" the metrics are not those of {benchmark.title}"
            )


def _unpacked_or_file(folders: list[Path], file: str) -> Path | None:
    """The file, or for an archive the folder that somebody unpacked it to."""
    candidates = [folder / name for folder in folders for name in (file, file.removesuffix(".zip"))]
    return next((path for path in candidates if path.exists()), None)


def _fetch(
    benchmark: Benchmark,
    file: str,
    home: Path,
    say: Say,
    progress: Progress | None,
) -> Path:
    wanted = (
        f"put {benchmark.archive} and {benchmark.pairs} into {home}/"
        " (or name their folder with --data-dir or FEMB_DATA_DIR)"
    )
    base = os.environ.get("FEMB_MIRROR") or benchmark.url
    if base is None:
        raise FembError(
            f"{benchmark.title}: {file} is not in {home}, and it is not published for download",
            hint=f"{wanted}; {benchmark.origin}",
        )
    url = f"{base.rstrip('/')}/{file}"
    say(f"downloading {url}")
    try:
        size = download(url, home / file, progress=progress)
    except FembError as error:
        raise FembError(f"{benchmark.title}: {error.message}", hint=f"{wanted}; {benchmark.origin}") from error
    say(f"{home / file}: {size:,} bytes, SHA-256 {file_sha256(home / file)}")
    return home / file
