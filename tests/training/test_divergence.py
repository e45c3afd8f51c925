"""A loss that is not finite."""

import json

import numpy as np
import pytest
import torch
from people import make_job, write_people

from femb_cli.backbones import build_backbone
from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.runs import MODEL, checkpoint_path
from femb_cli.config.registry import make
from femb_cli.config.schema import BackboneConfig
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.errors import FembError
from femb_cli.training.divergence import LossWatch
from femb_cli.training.run.run_directory import replaced_run


@pytest.fixture
def job(tmp_path):
    return make_job(tmp_path / "run", write_people(tmp_path / "people"))


def watch_losses(job, losses, magnitudes=(1.0, 2.0)):
    """Watch a batch of two images for each loss: the rows 0 and 1, 2 and 3, and so on."""
    watch = LossWatch(job)
    for step, loss in enumerate(losses, 1):
        embeddings_BD = torch.tensor(magnitudes)[:, None]
        watch.add(step, 0.1 / step, torch.tensor(loss), np.array([2 * step - 2, 2 * step - 1]), embeddings_BD)
    return watch


def test_finite_losses_are_looked_at_once(job):
    watch = watch_losses(job, [1.0, 2.0])
    watch.refuse_divergence()
    assert watch.seen == []
    watch.refuse_divergence()
    assert not (job.run / "divergence.json").exists()


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_the_first_step_its_rate_and_its_images_are_named_the_worst_first(job, bad):
    with pytest.raises(FembError, match=rf"the loss is {bad} at step 2 \(learning rate 0.05\)") as caught:
        watch_losses(job, [1.0, bad, float("nan")]).refuse_divergence()
    found = json.loads((job.run / "divergence.json").read_text())
    first, second = job.source.names[2:4]
    assert found["images"] == [{"name": second, "magnitude": 2.0}, {"name": first, "magnitude": 1.0}]
    assert caught.value.message.endswith(f"{second}, {first}; {job.run / 'divergence.json'} lists all")
    assert caught.value.hint.startswith("try a smaller --lr")


def test_an_embedding_that_is_not_finite_is_the_worst(job):
    with pytest.raises(FembError):
        watch_losses(job, [float("nan")], magnitudes=(float("nan"), 1e9)).refuse_divergence()
    images = json.loads((job.run / "divergence.json").read_text())["images"]
    assert [image["magnitude"] for image in images] == [None, 1e9]


def test_a_batch_without_a_finite_embedding_is_not_blamed(job):
    with pytest.raises(FembError, match="no embedding of its batch is finite, so the update before broke the weights"):
        watch_losses(job, [1.0, float("nan")], magnitudes=(float("nan"), float("nan"))).refuse_divergence()
    LossWatch(job)  # another session of the run
    assert not (job.run / "divergence.json").exists()


def test_no_file_is_named_in_a_run_that_makes_room_for_the_one_it_replaced(job):
    replaced_run(job.run).mkdir()
    with pytest.raises(FembError, match="the largest embeddings are ") as caught:
        watch_losses(job, [float("nan")]).refuse_divergence()
    assert "divergence.json" not in caught.value.message
    assert not (job.run / "divergence.json").exists()


@pytest.mark.parametrize("value, is_sound", [(1.0, True), (float("nan"), False), (float("inf"), False)])
def test_weights_that_no_loss_has_seen_are_looked_at(job, value, is_sound):
    network = build_backbone("iresnet18", embedding_dim=8, input_size=16, width=0.0625)
    network.conv1.weight.data[0] = value
    card = ModelCard(make(BackboneConfig, "iresnet18", embedding_dim=8, input_size=16, width=0.0625), Preprocessing(16))
    watch = watch_losses(job, [1.0])
    if is_sound:
        watch.refuse_broken_weights(1, network, card)
    else:
        with pytest.raises(FembError, match="not finite after step 1: the training has diverged") as caught:
            watch.refuse_broken_weights(1, network, card)
        assert caught.value.hint.startswith("try a smaller --lr")
    assert network.training


def test_the_hint_names_the_last_checkpoint_whose_weights_are_known_to_be_sound(job):
    """The loss of step 4 is not finite: perhaps the weights after step 3 are not either."""
    for step in (1, 2, 3):
        checkpoint_path(job.run, step).mkdir()
        (checkpoint_path(job.run, step) / MODEL).touch()
    with pytest.raises(FembError) as caught:
        watch_losses(job, [1.0, 1.0, 1.0, float("nan")]).refuse_divergence()
    assert f"--init {checkpoint_path(job.run, 2)} " in caught.value.hint
