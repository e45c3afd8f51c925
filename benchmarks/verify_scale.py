"""Measure CPU time and memory of `femb verify` on lists of 20 thousand to two million pairs.

    python benchmarks/verify_scale.py

The embeddings are those of 20 drawn images of each of 1,000 people, 512 numbers each. One pair in twenty is genuine.
The commands verify a list without and with a report, which has three groupings and all intervals, and a file of scores
without names. CPU time is that of the whole command, memory the peak of its process.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

NUM_PEOPLE, IMAGES_EACH, EMBEDDING_DIM = 1_000, 20, 512
NUM_IMAGES = NUM_PEOPLE * IMAGES_EACH
SIZES = (20_000, 200_000, 2_000_000)
GROUPINGS = {"sex": ("female", "male"), "age": ("20-29", "30-39", "40-49"), "light": ("bright", "dim")}

_RUN = """
import atexit, pathlib
atexit.register(lambda: pathlib.Path("status").write_text(pathlib.Path("/proc/self/status").read_text()))
from femb_cli.__main__ import main
main()
"""


def write_embeddings(folder: Path, generator: np.random.Generator) -> list[str]:
    """Write embeddings whose genuine pairs are more alike, and return their names."""
    people = generator.normal(size=(NUM_PEOPLE, 1, EMBEDDING_DIM))
    images = people + 1.6 * generator.normal(size=(NUM_PEOPLE, IMAGES_EACH, EMBEDDING_DIM))
    np.save(folder / "embeddings.npy", images.reshape(NUM_IMAGES, EMBEDDING_DIM).astype(np.float32))
    names = [f"person_{image // IMAGES_EACH:04d}/{image % IMAGES_EACH:04d}.jpg" for image in range(NUM_IMAGES)]
    (folder / "embeddings.txt").write_text("\n".join(names) + "\n")
    return names


def draw_pairs(num_pairs: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw different pairs of images, left and right, in any order; one in twenty shows one person."""
    first, second = np.triu_indices(IMAGES_EACH, 1)
    starts = IMAGES_EACH * np.arange(NUM_PEOPLE)[:, None]
    genuine = np.stack([(starts + first).ravel(), (starts + second).ravel()], axis=1)
    num_genuine = num_pairs // 20
    drawn = np.sort(generator.integers(0, NUM_IMAGES, size=(num_pairs * 21 // 20, 2)), axis=1)
    impostor = np.unique(drawn[drawn[:, 0] // IMAGES_EACH != drawn[:, 1] // IMAGES_EACH], axis=0)
    impostor = generator.permutation(impostor)[: num_pairs - num_genuine]
    pairs = np.concatenate([generator.permutation(genuine)[:num_genuine], impostor])
    left, right = generator.permutation(pairs).T
    return left, right


def write_lists(folder: Path, num_pairs: int, names: list[str]) -> None:
    """Write a list of pairs, one with groupings, and a file of scores."""
    generator = np.random.default_rng(num_pairs)
    groups = {name: generator.choice(values, NUM_IMAGES).tolist() for name, values in GROUPINGS.items()}
    left, right = draw_pairs(num_pairs, generator)
    genuine = left // IMAGES_EACH == right // IMAGES_EACH
    scores = generator.normal(np.where(genuine, 0.5, 0.0), 0.1)
    columns = ",".join(f"ref_{name},probe_{name}" for name in groups)
    with (
        (folder / f"pairs{num_pairs}.csv").open("w") as pairs,
        (folder / f"groups{num_pairs}.csv").open("w") as grouped,
        (folder / f"scores{num_pairs}.csv").open("w") as scored,
    ):
        pairs.write("ref,probe,mated\n")
        grouped.write(f"ref,probe,mated,{columns}\n")
        scored.write("mated,score\n")
        for one, other, mated, score in zip(*(each.tolist() for each in (left, right, genuine, scores)), strict=True):
            line = f"{names[one]},{names[other]},{mated:d}"
            pairs.write(line + "\n")
            grouped.write(",".join([line, *(f"{of[one]},{of[other]}" for of in groups.values())]) + "\n")
            scored.write(f"{mated:d},{score}\n")


def cost(folder: Path, *arguments: str) -> tuple[float, float]:
    """Run `femb verify` in a folder, and return its CPU seconds and its peak memory in MB."""
    command = [sys.executable, "-c", _RUN, "verify", *arguments, "--json"]
    with (folder / "output").open("w") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output)
        _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit((folder / "output").read_text())
    # Not `used.ru_maxrss`, which counts this process before the command replaced it.
    peak = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())["VmHWM"]
    return used.ru_utime + used.ru_stime, int(peak.split()[0]) / 1024


def main() -> None:
    """Make the files, run the commands, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of pairs")
    sizes = parser.parse_args().sizes
    print(f"| what | {' | '.join(f'{size:,}: CPU, s | MB' for size in sizes)} |\n|---|{'--:|--:|' * len(sizes)}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        names = write_embeddings(folder, np.random.default_rng(0))
        for size in sizes:
            write_lists(folder, size, names)
        stored = ("--embeddings", "embeddings.npy")
        for what, arguments in {
            "pairs": ("--pairs", "pairs{}.csv", *stored),
            "pairs, intervals": ("--pairs", "pairs{}.csv", *stored, "--intervals"),
            "pairs, three groupings, report": ("--pairs", "groups{}.csv", *stored, "--report", "report", "--overwrite"),
            "scores": ("--scores", "scores{}.csv"),
            "scores, intervals": ("--scores", "scores{}.csv", "--intervals"),
        }.items():
            costs = [cost(folder, *(each.format(size) for each in arguments)) for size in sizes]
            cells = " | ".join(f"{seconds:.2f} | {peak:.0f}" for seconds, peak in costs)
            print(f"| {what} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
