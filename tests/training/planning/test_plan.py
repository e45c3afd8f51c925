"""The arithmetic of a run."""

import shutil

import pytest
from people import write_people
from PIL import Image

from femb_cli.config.schema import DatasetConfig, SyntheticConfig, TrainConfig
from femb_cli.data.conversion.dataset_writer import DatasetWriter
from femb_cli.data.open import open_source
from femb_cli.errors import FembError, UsageError
from femb_cli.training.planning.plan import make_plan

DATA = SyntheticConfig(num_identities=10, images_per_identity=5)


def plan(processes=1, **settings):
    return make_plan(TrainConfig(**{"data": DATA, "batch_size": 16} | settings), processes)


def test_an_epoch_is_the_batches_in_the_data():
    sizes = plan(epochs=4.0)
    assert (sizes.num_images, sizes.num_identities) == (50, 10)
    assert (sizes.batch_size, sizes.steps_per_epoch, sizes.steps) == (16, 3.125, 12)
    assert sizes.epochs == 12 / 3.125


@pytest.mark.parametrize("epochs, steps", [(1.0, 3), (1.5, 5), (0.5, 2), (0.01, 1), (2.4, 8)])
def test_parts_of_an_epoch_are_rounded_to_steps_but_never_to_none(epochs, steps):
    assert plan(epochs=epochs).steps == steps


def test_steps_are_taken_as_they_are():
    sizes = plan(steps=7, epochs=None)
    assert sizes.steps == 7
    assert sizes.epochs == pytest.approx(7 / 3.125)


def test_batch_norm_needs_two_images():
    with pytest.raises(UsageError, match="16 over 16 processes is one image each") as caught:
        plan(processes=16)
    assert caught.value.hint == "--batch-size 32"
    assert plan(processes=16, sync_batch_norm=True).batch_size == 16
    with pytest.raises(UsageError, match="batch norm"):
        plan(batch_size=1, sync_batch_norm=True)


def test_one_person_alone_is_no_training_set(tmp_path):
    folder = write_people(tmp_path / "people")
    for person in range(1, 6):
        shutil.rmtree(folder / f"person{person}")
    with pytest.raises(FembError, match="has 1 identity: training needs at least two people"):
        plan(data=DatasetConfig(path=str(folder)), batch_size=2)


@pytest.mark.parametrize("processes", [1, 2, 4, 8])
def test_the_number_of_processes_changes_neither_batch_nor_steps(processes):
    sizes = plan(processes)
    assert (sizes.processes, sizes.batch_size, sizes.steps) == (processes, 16, 62)


def test_a_batch_that_cannot_be_shared_evenly_is_refused_with_one_that_can():
    with pytest.raises(UsageError, match=r"16 .* 3 processes") as caught:
        plan(3)
    assert caught.value.hint == "--batch-size 18"


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(FembError, match=r"64 .* 50") as caught:
        plan(batch_size=64)
    assert caught.value.hint == "--batch-size 25"


def test_a_batch_that_is_proposed_fits_the_processes_and_the_data():
    for processes, batch_size, hint in ((4, 64, "--batch-size 28"), (4, 50, "--batch-size 48"), (30, 64, "use fewer")):
        with pytest.raises(FembError) as caught:
            plan(processes, batch_size=batch_size)
        assert hint in caught.value.hint


def test_a_batch_may_be_the_whole_set():
    assert plan(batch_size=50).steps_per_epoch == 1


def test_a_data_set_on_disk_is_counted(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "image.png")
    with DatasetWriter(tmp_path / "set", ["anna", "bert"]) as writer:
        for number in range(5):
            writer.write((tmp_path / "image.png").read_bytes(), number % 2, f"{number}.png")
    sizes = plan(data=DatasetConfig(path=str(tmp_path / "set")), batch_size=2)
    assert (sizes.num_images, sizes.num_identities, sizes.steps_per_epoch) == (5, 2, 2.5)


def test_a_folder_of_people_is_counted(tmp_path):
    for name in ("anna/1.png", "anna/2.png", "bert/1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    sizes = plan(data=DatasetConfig(path=str(tmp_path)), batch_size=2)
    assert (sizes.num_images, sizes.num_identities) == (3, 2)


def test_images_of_nobody_cannot_be_trained_on(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "1.png")
    with pytest.raises(FembError, match="identities"):
        plan(data=DatasetConfig(path=str(tmp_path)), batch_size=2)


def test_missing_data_is_named(tmp_path):
    with pytest.raises(FembError, match="nowhere"):
        plan(data=DatasetConfig(path=str(tmp_path / "nowhere")))


def test_an_open_training_set_is_counted_as_it_is(tmp_path):
    for name in ("anna/1.png", "anna/2.png", "bert/1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    config = TrainConfig(data=DatasetConfig(path="elsewhere"), batch_size=2)
    sizes = make_plan(config, source=open_source(tmp_path))
    assert (sizes.num_images, sizes.num_identities, sizes.steps_per_epoch) == (3, 2, 1.5)
    with pytest.raises(FembError, match="anna has no identities"):
        make_plan(config, source=open_source(tmp_path / "anna"))
