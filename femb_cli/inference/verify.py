"""Verification: pairs of images, or of stored embeddings, to figures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from femb_cli.data.opening import open_source
from femb_cli.data.source import ImageSource, names_of
from femb_cli.data.synthetic_sets import synthetic_benchmark
from femb_cli.data.verification_set import read_verification_set, write_benchmark
from femb_cli.evaluation.benchmarks import BENCHMARKS, files_in, find_benchmark, find_set_file, locate
from femb_cli.evaluation.pairs import PairList, read_pairs
from femb_cli.evaluation.protocols import check_protocol
from femb_cli.evaluation.remarks import remarks_on_pairs
from femb_cli.evaluation.score import EmbeddedPairs, VerificationFigures, cosine_scores, score_pairs
from femb_cli.evaluation.stored import read_embeddings
from femb_cli.files import cache_folder, file_sha256
from femb_cli.inference.embed import embed_source
from femb_cli.inference.embedder import Embedder
from femb_cli.inference.embedding_cache import embed_or_recall

Flip = Literal["none", "sum"]
Progress = Callable[[int, int], None]


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


@dataclass(frozen=True, eq=False)
class Verification:
    """The outcome of one model on one set.

    Attributes:
        benchmark: the set's name.
        title: its name in words.
        model: the model's name.
        flip: how mirror images were used: `none` or `sum`, or `as stored` by whoever made the embeddings.
        figures: the figures.
        scores_N: cosine of every pair.
        pairs: the pairs.
        embedded: their embeddings.
        images: where their images are, None if only their embeddings are known.
        card: what the model's checkpoint says about it.
        remarks: what is odd about the pairs, in sentences.
    """

    benchmark: str
    title: str
    model: str
    flip: str
    figures: VerificationFigures
    scores_N: NDArray[np.float64]
    pairs: PairList
    embedded: EmbeddedPairs
    images: ImageSource | None = None
    card: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @property
    def genuine_N(self) -> NDArray[np.bool_]:
        """Whether each pair shows one person."""
        return self.pairs.genuine_N

    def to_json(self) -> dict[str, Any]:
        """The figures with what they are of; plain values."""
        return {"benchmark": self.benchmark, "model": self.model, "flip": self.flip, **self.figures.to_json()}


def open_benchmark(
    name: str,
    data_dir: Path | None,
    *,
    say: Callable[[str], None],
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
    """Open a pair list of one's own over a folder, zip or data set of images."""
    return PairSet(pairs.name, pairs.name, read_pairs(pairs), open_source(images), protocol)


def verify(
    embedder: Embedder,
    pair_set: PairSet,
    *,
    flip: Flip | None = None,
    batch_size: int = 64,
    recall: bool = False,
    progress: Progress | None = None,
) -> Verification:
    """Embed the images of the pairs and score them.

    Args:
        embedder: the model.
        pair_set: what to verify it on.
        flip: `sum` adds the mirror image's embedding; None: as the model's own convention says, but never under
            MagFace's protocols, which have none.
        batch_size: images at a time.
        recall: keep the embeddings for the next time, and take those that were kept.
        progress: called with the number of images done and in all.

    Raises:
        FembError: a pair names a missing image, or an image cannot be read.
    """
    pairs = pair_set.pairs
    check_protocol(pair_set.protocol)
    left_N, right_N = pairs.indices(pair_set.images.names)
    used_N, places_N = np.unique(np.concatenate([left_N, right_N]), return_inverse=True)
    chosen = flip or ("none" if pair_set.protocol.startswith("magface") else embedder.flip)
    settings: dict[str, Any] = {"batch_size": batch_size, "flip": chosen == "sum", "progress": progress}
    if recall:
        rows_ND = embed_or_recall(embedder, pair_set.images, used_N, **settings)
    else:
        rows_ND = embed_source(embedder, pair_set.images, used_N, **settings).rows_ND
    embedded = EmbeddedPairs(rows_ND, places_N[: len(pairs)], places_N[len(pairs) :])
    scores_N, figures, remarks = _score(pairs, embedded, names_of(pair_set.images, used_N), pair_set.protocol)
    return Verification(
        benchmark=pair_set.name,
        title=pair_set.title,
        model=embedder.name,
        flip=chosen,
        figures=figures,
        scores_N=scores_N,
        pairs=pairs,
        embedded=embedded,
        images=pair_set.images,
        card=embedder.card.to_facts() if embedder.card else {},
        remarks=remarks,
    )


def verify_embeddings(pairs_file: Path, embeddings_file: Path, protocol: str = "arcface") -> Verification:
    """Score stored embeddings, as `femb embed` wrote them with their names beside.

    Raises:
        FembError: the files are damaged, or a pair names an image that was not embedded.
    """
    pairs = read_pairs(pairs_file)
    rows_ND, names = read_embeddings(embeddings_file)
    embedded = EmbeddedPairs(rows_ND, *pairs.indices(names))
    scores_N, figures, remarks = _score(pairs, embedded, names, protocol)
    return Verification(
        benchmark=pairs_file.name,
        title=pairs_file.name,
        model=str(embeddings_file),
        flip="as stored",
        figures=figures,
        scores_N=scores_N,
        pairs=pairs,
        embedded=embedded,
        remarks=remarks,
    )


def _score(
    pairs: PairList, embedded: EmbeddedPairs, names: list[str], protocol: str
) -> tuple[NDArray[np.float64], VerificationFigures, tuple[str, ...]]:
    """Scores, figures and remarks of embedded pairs."""
    remarks = remarks_on_pairs(pairs, embedded.left_P, embedded.right_P)
    scores_N = cosine_scores(embedded.embeddings_ND, embedded.left_P, embedded.right_P, names=names)
    return scores_N, score_pairs(scores_N, pairs, protocol, embedded=embedded), tuple(remarks)
