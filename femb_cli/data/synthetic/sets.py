"""The built-in datasets of procedural faces: a training set of any size, and a benchmark of other people.

Each is drawn once into femb's cache, in the same formats as real data.
"""

from pathlib import Path

import numpy as np

from femb_cli.config.schema import SyntheticConfig
from femb_cli.data.conversion.dataset_writer import DatasetWriter
from femb_cli.data.synthetic.faces import photograph
from femb_cli.files import cache_folder, new_folder, one_at_a_time
from femb_cli.progress import Progress, Say, ShowProgress, unseen

VERSION = 1
"""Increase it whenever the drawing changes, so that old faces in a cache are not used."""

BENCHMARK_SEED = 0
BENCHMARK_FIRST_IDENTITY = 1_000_000
"""Training identities have lower numbers, so that no benchmark identity is trained on."""
BENCHMARK_IDENTITIES = 120
BENCHMARK_IMAGES = 6
FOLDS, PAIRS_PER_FOLD = 10, 60


def synthetic_training_set(config: SyntheticConfig, *, say: Say, show_progress: ShowProgress = unseen) -> Path:
    """Return the directory of a configured training set; draw it if it is not in the cache."""
    name = f"synthetic-v{VERSION}-{config.num_identities}x{config.images_per_identity}-seed{config.seed}"
    path = cache_folder() / name
    if not path.is_dir():
        with one_at_a_time(path, say):
            if not path.is_dir():
                _draw_training_set(config, path, say, show_progress)
    return path


def synthetic_benchmark(*, say: Say, show_progress: ShowProgress = unseen) -> Path:
    """Return the benchmark's directory: `images/`, `pairs.txt` in LFW's format, and the true `qualities.csv`."""
    path = benchmark_folder()
    if not path.is_dir():
        with one_at_a_time(path, say):
            if not path.is_dir():
                _draw_benchmark(path, say, show_progress)
    return path


def benchmark_folder() -> Path:
    """Return where the benchmark is, or will be when it is drawn."""
    return cache_folder() / f"synthetic-benchmark-v{VERSION}"


def _draw_training_set(config: SyntheticConfig, path: Path, say: Say, show_progress: ShowProgress) -> None:
    total = config.num_identities * config.images_per_identity
    say(f"drawing {total:,} procedural faces of {config.num_identities} people into {path}")
    names = [f"face_{identity:05d}" for identity in range(config.num_identities)]
    with (
        show_progress("drawing faces") as progress,
        DatasetWriter(path, names, source="femb's procedural faces", source_kind="synthetic") as writer,
    ):
        for row in range(total):
            identity, index = divmod(row, config.images_per_identity)
            face = photograph(config.seed, identity, index)
            writer.write(face.jpeg, identity, f"{names[identity]}/{names[identity]}_{index + 1:04d}.jpg")
            if progress is not None:
                progress(row + 1, total)


def _draw_benchmark(path: Path, say: Say, show_progress: ShowProgress) -> None:
    total = BENCHMARK_IDENTITIES * BENCHMARK_IMAGES
    say(f"drawing the synthetic benchmark, {total} faces of {BENCHMARK_IDENTITIES} people, into {path}")
    with show_progress("drawing faces") as progress, new_folder(path) as directory:
        _draw_benchmark_faces(directory, progress)
        (directory / "pairs.txt").write_text(_draw_pairs(), encoding="utf-8")


def _draw_benchmark_faces(directory: Path, progress: Progress | None) -> None:
    qualities = ["image,quality"]
    for row in range(BENCHMARK_IDENTITIES * BENCHMARK_IMAGES):
        person, index = divmod(row, BENCHMARK_IMAGES)
        face = photograph(BENCHMARK_SEED, BENCHMARK_FIRST_IDENTITY + person, index)
        file = directory / "images" / _person(person) / f"{_person(person)}_{index + 1:04d}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(face.jpeg)
        qualities.append(f"{file.parent.name}/{file.name},{face.quality:.4f}")
        if progress is not None:
            progress(row + 1, BENCHMARK_IDENTITIES * BENCHMARK_IMAGES)
    (directory / "qualities.csv").write_text("\n".join(qualities) + "\n", encoding="utf-8")


def _draw_pairs() -> str:
    """Draw pairs and return the text of `pairs.txt`.

    The folds have disjoint people, as in LFW View 2, so that the threshold of a fold is chosen on other people.
    """
    rng = np.random.default_rng(BENCHMARK_SEED)
    lines = [f"{FOLDS}\t{PAIRS_PER_FOLD}"]
    for people in rng.permutation(BENCHMARK_IDENTITIES).reshape(FOLDS, -1):
        genuine = [(person, a, b) for person in people for a in range(BENCHMARK_IMAGES) for b in range(a)]
        for chosen in rng.choice(len(genuine), PAIRS_PER_FOLD, replace=False):
            person, a, b = genuine[chosen]
            lines.append(f"{_person(person)}\t{a + 1}\t{b + 1}")
        seen: set[tuple[int, ...]] = set()
        while len(seen) < PAIRS_PER_FOLD:
            left, right = sorted(rng.choice(people, 2, replace=False).tolist())
            a, b = rng.integers(BENCHMARK_IMAGES, size=2).tolist()
            seen.add((left, a, right, b))
        lines += [f"{_person(left)}\t{a + 1}\t{_person(right)}\t{b + 1}" for left, a, right, b in sorted(seen)]
    return "\n".join(lines) + "\n"


def _person(number: int) -> str:
    return f"stranger_{number:03d}"
