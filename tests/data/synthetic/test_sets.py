"""The built-in datasets are drawn once, in the formats of real data."""

import csv
import threading
from itertools import combinations

import pytest

from femb_cli.config.schema import SyntheticConfig
from femb_cli.data.open import open_source
from femb_cli.data.synthetic.faces import photograph
from femb_cli.data.synthetic.sets import synthetic_benchmark, synthetic_training_set


@pytest.fixture(scope="session")
def benchmark():
    """The benchmark, which other tests use, too."""
    return synthetic_benchmark(say=lambda text: None)


@pytest.fixture
def new_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FEMB_CACHE_DIR", str(tmp_path))


@pytest.mark.usefixtures("new_cache")
def test_a_training_set_has_the_configured_people_and_is_drawn_once():
    config, lines = SyntheticConfig(num_identities=3, images_per_identity=2, seed=5), []
    path = synthetic_training_set(config, say=lines.append)
    source = open_source(path)
    assert source.identities.names == ["face_00000", "face_00001", "face_00002"]
    assert source.identities.labels_N.tolist() == [0, 0, 1, 1, 2, 2]
    assert source.read(3) == photograph(5, 1, 1).jpeg
    assert source.names[3] == "face_00001/face_00001_0002.jpg"
    assert synthetic_training_set(config, say=lines.append) == path
    assert len(lines) == 1


def test_the_benchmark_has_balanced_pairs_and_folds_of_disjoint_people(benchmark):
    header, *lines = (benchmark / "pairs.txt").read_text().splitlines()
    num_folds, per_fold = map(int, header.split())
    folds = [lines[start : start + 2 * per_fold] for start in range(0, len(lines), 2 * per_fold)]
    assert len(folds) == num_folds
    for fold in folds:
        assert [len(line.split("\t")) for line in fold] == [3] * per_fold + [4] * per_fold
        assert len(set(fold)) == len(fold)
    people = [{word for line in fold for word in line.split("\t") if not word.isdecimal()} for fold in folds]
    assert not any(left & right for left, right in combinations(people, 2))


def test_every_image_of_the_benchmark_has_a_quality(benchmark):
    with (benchmark / "qualities.csv").open(newline="") as file:
        qualities = {row["image"]: float(row["quality"]) for row in csv.DictReader(file)}
    images = {file.relative_to(benchmark / "images").as_posix() for file in (benchmark / "images").rglob("*.jpg")}
    assert qualities.keys() == images
    assert all(0 <= quality <= 1 for quality in qualities.values())


@pytest.mark.usefixtures("new_cache")
def test_two_that_need_a_set_at_once_draw_it_once():
    config, lines, paths = SyntheticConfig(num_identities=2, images_per_identity=20), [], []

    def draw():
        paths.append(synthetic_training_set(config, say=lines.append))

    threads = [threading.Thread(target=draw) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(paths)) == 1
    assert len(paths) == 3
    assert sum(line.startswith("drawing") for line in lines) == 1
    assert len(open_source(paths[0])) == 40
