"""People are held out of a training set: who, how many, and in which pairs."""

import dataclasses

import numpy as np
import pytest
from pictures import people as write_people

from femb_cli.checkpoints.runs import write_config
from femb_cli.config.load import load_config, shipped_configs
from femb_cli.config.schema import DatasetConfig, InitConfig, TrainConfig, ValidationConfig
from femb_cli.data.identities import Identities
from femb_cli.data.open import open_source
from femb_cli.data.selected_rows import SelectedRows
from femb_cli.evaluation.verification.pair_file import pairs_text, read_pairs
from femb_cli.progress import silent
from femb_cli.training.planning.held_out import MOST_IMAGES, held_out_share, hold_out, split


class Images:
    """A source of any size without images: `counts` by the people's names."""

    kind, path = "folder", "nowhere"

    def __init__(self, counts: dict[str, int], file: str = "{name}/{number}.jpg") -> None:
        people = enumerate(counts.items())
        rows = [(label, name, number) for label, (name, count) in people for number in range(count)]
        self.names = [file.format(name=name, number=number) for _, name, number in rows]
        self.identities = Identities(list(counts), np.array([label for label, _, _ in rows]))

    def __len__(self) -> int:
        return len(self.names)


def many(number, images=3):
    return Images({f"person {person}": images for person in range(number)})


def config_of(held_out=None, benchmarks=None, **settings):
    validation = ValidationConfig(benchmarks, held_out)
    return TrainConfig(**{"data": DatasetConfig(path="people"), "validation": validation, **settings})


def people_in(held_out):
    return {name for side in held_out.pair_set.pairs.stated_subjects for name in side}


# ---- How many


@pytest.mark.parametrize(
    "source, number",
    [
        (many(99), 0),
        (many(100), 10),
        (many(300), 10),
        (many(1500), 30),
        (many(40_000, images=2), 500),
        (Images({f"single {person}": 1 for person in range(500)} | {f"p{person}": 2 for person in range(9)}), 0),
        (Images({f"single {person}": 1 for person in range(500)} | {f"p{person}": 2 for person in range(10)}), 10),
    ],
    ids=["few", "hundred", "at least ten", "two per cent", "at most 500", "too few pairs", "just enough pairs"],
)
def test_of_enough_people_a_few_are_held_out_unasked(source, number):
    share = held_out_share(config_of(), source, resumed=False)
    assert (split(source, share).num_people if share else 0) == pytest.approx(number, rel=0.002)


@pytest.mark.parametrize(
    "held_out, benchmarks, share", [(None, (), 0), (None, ("lfw",), 0), (0.3, ("lfw",), 0.3), (0, None, 0)]
)
def test_a_benchmark_takes_its_place_unless_a_share_is_named(held_out, benchmarks, share):
    assert held_out_share(config_of(held_out, benchmarks), many(200), resumed=False) == share


def test_a_run_of_an_older_femb_goes_on_with_everybody():
    config = config_of()
    assert hold_out(config, many(200), resumed=True, say=silent) == (config, None)


def test_a_run_goes_on_without_whom_it_began_without():
    config, began = hold_out(config_of(), many(200), resumed=False, say=silent)
    assert config.validation.held_out == 0.05
    changed = dataclasses.replace(config.validation, benchmarks=("lfw",))
    again, goes_on = hold_out(
        dataclasses.replace(config, seed=7, validation=changed), many(200), resumed=True, say=silent
    )
    assert goes_on.training.identities.names == began.training.identities.names
    assert again.validation == changed


@pytest.mark.parametrize("held_out, share", [(0.05, 0.05), (None, 0), ("not femb's", 0)])
def test_class_weights_go_with_the_people_of_their_run(tmp_path, held_out, share):
    if held_out == "not femb's":
        (tmp_path / "model.safetensors").touch()
    else:
        write_config(tmp_path, config_of(held_out))
    for benchmarks in (None, ("lfw",)):
        config = config_of(None, benchmarks, init=InitConfig(str(tmp_path), classifier=True))
        assert held_out_share(config, many(200), resumed=False) == share


@pytest.mark.parametrize("name", shipped_configs())
def test_a_published_recipe_trains_on_everybody(name):
    is_published = "\n# Published:" in shipped_configs()[name].read_text(encoding="utf-8")
    assert (load_config(name).validation.held_out == 0) == is_published


# ---- Who


def test_the_others_are_trained_on():
    source = many(50)
    held_out = split(source, 0.2)
    assert (held_out.num_people, held_out.num_images, len(held_out.training)) == (10, 30, 120)
    assert set(held_out.training.identities.names) | people_in(held_out) == set(source.identities.names)
    assert set(held_out.training.identities.names).isdisjoint(people_in(held_out))


def test_the_same_people_in_another_order_or_among_more_are_held_out():
    names = [f"person {number}" for number in range(100)]
    first = people_in(split(Images(dict.fromkeys(names, 3)), 0.1))
    assert people_in(split(Images(dict.fromkeys(names[::-1], 2)), 0.1)) == first
    assert people_in(split(Images(dict.fromkeys(names, 3)), 0.2)) > first
    more = people_in(split(Images(dict.fromkeys([*names, *"abcdefghijklmnopqrst"], 3)), 0.1))
    assert len(more & first) >= 8


def test_nobody_with_a_single_image_or_a_name_that_lists_cannot_hold():
    odd = {"": 3, " x": 3, "line\nfeed": 3, "\udcff": 3, "single": 1}
    assert people_in(split(Images({**odd, "ann": 3, "bob": 3}), 0.9)) == {"ann", "bob"}


@pytest.mark.parametrize("counts", [{"a": 3, "b": 3, "c": 3}, {"a": 3, "b": 1, "c": 1, "d": 1}, {"a": 3}])
def test_two_people_at_least_are_held_out_and_two_are_trained_on(counts):
    assert split(Images(counts), 0.7) is None


# ---- In which pairs


def test_pairs_are_of_the_first_images_only():
    pair_set = split(many(4, images=MOST_IMAGES + 20), 0.5).pair_set
    assert len(pair_set.images) == 2 * MOST_IMAGES
    assert len(pair_set.pairs) == 2 * MOST_IMAGES * (MOST_IMAGES - 1)


def test_images_that_no_list_can_tell_apart_are_in_no_pair():
    source = Images({"ann": 3, "bob": 3, "cy": 3, "dee": 3})
    source.names = [name.replace("2.jpg", "1.png").replace("0.jpg", "zero.jpg") for name in source.names]
    assert split(source, 0.5) is None


def test_the_pairs_find_their_images_in_the_file_too(tmp_path):
    write_people(tmp_path / "people", dict.fromkeys(("ann", "bob", "cy", "dee"), 3))
    source = open_source(tmp_path / "people")
    pair_set = split(source, 0.5).pairs_of(tmp_path)
    (tmp_path / "held_out.csv").write_text(pairs_text(pair_set.pairs))
    stored = read_pairs(pair_set.pairs.path)
    for pairs, images in ((pair_set.pairs, pair_set.images), (stored, pair_set.images), (stored, source)):
        left, right = pairs.indices(images.names)
        folders = [[images.names[row].split("/")[0] for row in rows] for rows in (left, right)]
        assert folders == [list(side) for side in pair_set.pairs.stated_subjects]
        assert (np.array(folders[0]) == folders[1]).tolist() == stored.genuine_N.tolist()
    assert isinstance(pair_set.images, SelectedRows)
    assert pair_set.images.read(0) == source.read(list(source.names).index(pair_set.images.names[0]))


# ---- What the user is told


def test_it_is_said_once_and_can_be_switched_off():
    said = []
    hold_out(config_of(), many(200), resumed=False, say=said.append)
    assert said == [
        "holding out 10 of 200 people (30 images) to verify on, in 30 genuine and 30 impostor pairs;"
        " --set validation.held_out=0 trains on everybody"
    ]
    for config, source in ((config_of(0.0), many(200)), (TrainConfig(), None)):
        assert hold_out(config, source, resumed=False, say=said.append)[1] is None
    assert len(said) == 1


def test_too_few_people_to_hold_out_any_are_said():
    said = []
    assert hold_out(config_of(), many(9), resumed=False, say=said.append)[1] is None
    assert said == [
        "nobody is held out to verify on: 9 people, of whom 9 have two images or more, are too few;"
        " --set validation.held_out=0.2 holds out a fifth"
    ]


def test_nobody_held_out_is_said_to_whom_asked():
    said = []
    hold_out(config_of(0.1), many(9), resumed=False, say=said.append)
    hold_out(config_of(0.1), None, resumed=False, say=said.append)
    assert said == [
        "nobody is held out: 0.1 of 9 people, of whom 9 have two images or more, are fewer than two",
        "nobody is held out: drawn faces have a benchmark of other people",
    ]
