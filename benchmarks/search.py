"""Measure a search in a gallery of a million embeddings, beside NumPy's product alone and FAISS's exact index.

    python benchmarks/search.py
    python benchmarks/search.py --rows 10000000 --queries 64 --contestants femb

The embeddings are random, float32, and are kept in --folder. Each contestant has its own process and gets the gallery
as a memory map. NumPy's contestant is the product and `argpartition` of ready unit rows, and so is not a whole search:
it does not normalise the gallery. FAISS's is IndexFlatIP on unit rows; its time leaves out
that the index copies them. Memory is the process's own, without the pages of the mapped file, which the system may drop
at any time. The hits must agree.
"""

import argparse
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from femb_cli.evaluation.embeddings.read import StoredEmbeddings
from femb_cli.search.nearest import nearest

EMBEDDING_DIM = 512
TOP = 5
ROWS_AT_ONCE = 1 << 16
NUMPY_QUERIES = 64
"""Queries of one product of NumPy's; 1,024 of them would take 18 GB with their places in order."""

Search = Callable[[NDArray[np.float32]], NDArray[np.int64]]


def numpy_search(gallery: NDArray[np.float32]) -> Search:
    """Return a search by one product and one partial sort, of a gallery of unit rows."""
    units = unit_rows(gallery)

    def search_some(queries: NDArray[np.float32]) -> NDArray[np.int64]:
        scores = unit_rows(queries) @ units.T
        best = np.argpartition(scores, -TOP, axis=1)[:, -TOP:]
        order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)
        return np.take_along_axis(best, order, axis=1)

    def search(queries: NDArray[np.float32]) -> NDArray[np.int64]:
        starts = range(0, len(queries), NUMPY_QUERIES)
        return np.concatenate([search_some(queries[start : start + NUMPY_QUERIES]) for start in starts])

    return search


def faiss_search(gallery: NDArray[np.float32]) -> Search:
    """Return FAISS's exact search of a gallery of unit rows."""
    import faiss  # type: ignore[import-not-found]

    index = faiss.IndexFlatIP(EMBEDDING_DIM)
    index.add(unit_rows(gallery))
    return lambda queries: index.search(unit_rows(queries), TOP)[1]


def femb_search(gallery: NDArray[np.float32]) -> Search:
    """Return femb's search of a gallery as it is stored."""
    held = StoredEmbeddings(Path("gallery.npy"), gallery, [""] * len(gallery), None)

    def search(queries: NDArray[np.float32]) -> NDArray[np.int64]:
        return nearest(StoredEmbeddings(Path("queries.npy"), queries, [""] * len(queries), None), held, TOP).rows_QK

    return search


CONTESTANTS: dict[str, Callable[[NDArray[np.float32]], Search]] = {
    "numpy": numpy_search,
    "faiss": faiss_search,
    "femb": femb_search,
}


def unit_rows(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return rows of length 1."""
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def make_gallery(path: Path, num_rows: int) -> None:
    """Write random embeddings, in pieces."""
    if path.exists():
        return
    generator = np.random.default_rng(0)
    rows = np.lib.format.open_memmap(path, "w+", np.float32, (num_rows, EMBEDDING_DIM))
    for start in range(0, num_rows, ROWS_AT_ONCE):
        piece = rows[start : start + ROWS_AT_ONCE]
        piece[:] = generator.standard_normal(piece.shape, dtype=np.float32)
    rows.flush()


def contest(contestant: str, path: Path, num_queries: int, rounds: int) -> None:
    """Run one contestant and print its times (of the fastest round), memory and hits as JSON."""
    gallery = np.load(path, mmap_mode="r")
    queries = np.random.default_rng(1).standard_normal((num_queries, EMBEDDING_DIM), dtype=np.float32)
    search = CONTESTANTS[contestant](gallery)
    search(queries[:1])
    peak = Peak()
    times = []
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        hits = search(queries)
        times.append((time.perf_counter() - wall, time.process_time() - cpu))
    wall, cpu = min(times)
    print(json.dumps({"wall": wall, "cpu": cpu, "peak": peak.stop(), "hits": hits.tolist()}))


class Peak:
    """The most memory of its own that this process has held since the object was made, in bytes."""

    def __init__(self) -> None:
        self._largest, self._ended = own_memory(), threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._ended.wait(0.01):
            self._largest = max(self._largest, own_memory())

    def stop(self) -> int:
        """Return the peak."""
        self._ended.set()
        self._thread.join()
        return self._largest


def own_memory() -> int:
    """Return the memory of this process without mapped files, in bytes; /proc counts in KiB."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return 1024 * int(status["RssAnon"].split()[0])


def main() -> None:
    """Run all contestants and print a table; in a contestant's process, run that one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, nargs="+", default=[1, 64, 1024])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--contestants", nargs="+", choices=CONTESTANTS, default=[*CONTESTANTS])
    parser.add_argument("--folder", type=Path, default=Path("search_gallery"))
    parser.add_argument("--contest", choices=CONTESTANTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    path = options.folder / f"{options.rows}.npy"
    if options.contest:
        contest(options.contest, path, options.queries[0], options.rounds)
        return
    options.folder.mkdir(exist_ok=True)
    make_gallery(path, options.rows)
    print(f"{options.rows:,} embeddings of {EMBEDDING_DIM} numbers, the best {TOP}\n")
    print("| queries | what | ms a query | CPU ms a query | memory, MB |\n|--:|---|--:|--:|--:|")
    for num_queries in options.queries:
        found = []
        for name in options.contestants:
            command = [sys.executable, __file__, "--contest", name, "--rows", str(options.rows)]
            command += ["--queries", str(num_queries), "--rounds", str(options.rounds), "--folder", str(options.folder)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
            if done.returncode:
                print(f"| {num_queries} | {name} | failed | | |")
                continue
            run = json.loads(done.stdout)
            found.append(run["hits"])
            wall, cpu = (1000 * run[key] / num_queries for key in ("wall", "cpu"))
            print(f"| {num_queries:,} | {name} | {wall:.1f} | {cpu:.1f} | {run['peak'] / 1e6:,.0f} |", flush=True)
        if any(hits != found[0] for hits in found):
            raise SystemExit("the hits differ")


if __name__ == "__main__":
    main()
