"""The benchmarks that femb knows by name: their files, where they are published, and the protocol of their accuracy."""

from dataclasses import dataclass
from difflib import get_close_matches

from femb_cli.errors import UsageError


@dataclass(frozen=True)
class Benchmark:
    """A published verification benchmark.

    Attributes:
        name: its name on the command line.
        title: its display name.
        archive: file name of the zip with the aligned images; None if the benchmark has no archive.
        pairs: file name of the pair list.
        protocol: the protocol of its accuracy, one of `PROTOCOL_NAMES`.
        url: the address of the folder with both files; None if they are not published for download.
        sha256: published checksums, as pairs of file name and SHA-256.
        origin: where a user can get the files.
        set_file: file name of the `.bin` verification set, which holds images and pairs in one file; None if the
            benchmark has no such file.
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
    """A benchmark that InsightFace publishes as a `.bin` together with its training sets."""
    return Benchmark(
        name=name,
        title=title,
        archive=None,
        pairs="",
        protocol="arcface",
        origin=f"{name}.bin comes with InsightFace's training sets, such as faces_emore",
        set_file=f"{name}.bin",
    )


DRAWN = "synthetic"
"""The benchmark that femb draws itself."""

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
            " InsightFace's lfw.bin works too",
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
            name=DRAWN,
            title="femb's procedural faces",
            archive=None,
            pairs="pairs.txt",
            protocol="arcface",
            origin="drawn by femb itself",
        ),
    )
}
DEFAULT_BENCHMARK = "xqlfw"
SUITE = ("lfw", "cfp_fp", "agedb_30", "calfw", "cplfw", "xqlfw")
"""The benchmarks of `femb verify --suite`, in the order of its table."""


def find_benchmark(name: str) -> Benchmark:
    """Look up a benchmark by name; upper case and hyphens make no difference: `cfp_fp`, `CFP-FP`.

    Raises:
        UsageError: no benchmark has that name.
    """
    known = {_normalise(known): benchmark for known, benchmark in BENCHMARKS.items()}
    if _normalise(name) not in known:
        nearest = get_close_matches(_normalise(name), known, n=1)
        other = "femb list benchmarks shows them; a folder with pairs.csv is one, too"
        raise UsageError(
            f"unknown benchmark {name!r}",
            hint=f"did you mean {known[nearest[0]].name!r}?" if nearest else other,
        )
    return known[_normalise(name)]


def _normalise(name: str) -> str:
    return name.lower().replace("-", "_")
