"""Measure a search with an index in a gallery of a million embeddings, beside the exact search.

    python benchmarks/search_index.py
    python benchmarks/search_index.py --photos 1
    python benchmarks/search_index.py --embeddings faces.npy

The embeddings are drawn: people in random directions, each with 10 photos whose cosines are near 0.6 (or
with 1, so that no two entries show one person), and are kept in --folder. Queries are rows of the gallery,
which do not find themselves. Recall is the share of the exact search's hits that are found. CPU time is of one process,
with as many threads as OMP_NUM_THREADS says.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from femb_cli.evaluation.embeddings.read import StoredEmbeddings
from femb_cli.search.index import build_index, nearest_by_codes
from femb_cli.search.nearest import Hits, nearest

EMBEDDING_DIM = 512
TOP = 5
ROWS_AT_ONCE = 1 << 16
VARIANCE = 0.67
"""Of a photo's difference from its person's direction; a cosine of 1 / (1 + 0.67) between two photos."""


def make_gallery(path: Path, num_rows: int, photos: int) -> None:
    """Write drawn embeddings, in pieces; the photos of a person are spread over the file."""
    if path.exists():
        return
    generator = np.random.default_rng(0)
    people = generator.standard_normal((-(-num_rows // photos), EMBEDDING_DIM), dtype=np.float32)
    person_of_row = generator.permutation(num_rows) // photos
    rows = np.lib.format.open_memmap(path, "w+", np.float32, (num_rows, EMBEDDING_DIM))
    for start in range(0, num_rows, ROWS_AT_ONCE):
        piece = rows[start : start + ROWS_AT_ONCE]
        noise = generator.standard_normal(piece.shape, dtype=np.float32)
        piece[:] = people[person_of_row[start : start + ROWS_AT_ONCE]] + np.float32(VARIANCE**0.5) * noise
    rows.flush()


def stored(rows: np.ndarray) -> StoredEmbeddings:
    """Return embeddings without names."""
    return StoredEmbeddings(Path("faces.npy"), rows, [""] * len(rows), None)


def timed(search: Callable[[], Hits], rounds: int) -> tuple[Hits, float]:
    """Return the hits, and the CPU seconds of the fastest round."""
    times = []
    for _ in range(rounds):
        start = time.process_time()
        hits = search()
        times.append(time.process_time() - start)
    return hits, min(times)


def recall(found: Hits, exact: Hits, top: int) -> float:
    """Return the share of the exact hits that were found."""
    pairs = zip(found.rows_QK[:, :top].tolist(), exact.rows_QK[:, :top].tolist(), strict=True)
    return float(np.mean([len({*one} & {*other}) / top for one, other in pairs]))


def main() -> None:
    """Build an index and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--photos", type=int, default=10, help="Photos of each person.")
    parser.add_argument("--embeddings", type=Path, help="A .npy file to search in instead.")
    parser.add_argument("--queries", type=int, nargs="+", default=[1, 64, 1024])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=Path("search_gallery"))
    options = parser.parse_args()
    path = options.embeddings or options.folder / f"{options.rows}_{options.photos}.npy"
    if options.embeddings is None:
        options.folder.mkdir(exist_ok=True)
        make_gallery(path, options.rows, options.photos)
    gallery = stored(np.load(path, mmap_mode="r"))
    start = time.process_time()
    index = build_index(gallery)
    print(f"{gallery.rows_ND.shape}: built in {time.process_time() - start:.1f} s; {index.describe()}\n")
    print("| queries | exact, CPU ms a query | index | recall@1 | recall@5 |\n|--:|--:|--:|--:|--:|", flush=True)
    chosen = np.random.default_rng(5).permutation(len(gallery.rows_ND))[: max(options.queries)]
    for number in options.queries:
        itself = np.sort(chosen[:number])
        queries = stored(np.asarray(gallery.rows_ND[itself]))
        exact, exact_time = timed(partial(nearest, queries, gallery, TOP, itself_Q=itself), options.rounds)
        by_codes = partial(nearest_by_codes, queries, gallery, TOP, index.codes, itself_Q=itself)
        found, index_time = timed(by_codes, options.rounds)
        times = " | ".join(f"{1000 * seconds / number:.2f}" for seconds in (exact_time, index_time))
        print(f"| {number:,} | {times} | {recall(found, exact, 1):.4f} | {recall(found, exact, TOP):.4f} |", flush=True)


if __name__ == "__main__":
    main()
