"""What the training loop works with."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from people import NETWORK, make_job, write_people
from safetensors.torch import load_file

from femb_cli.backbones import build_configured_backbone
from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.store import Checkpoint, open_checkpoint, save_checkpoint
from femb_cli.config.schema import ClassifierConfig, DatasetConfig, InitConfig, MagFaceConfig, TrainConfig
from femb_cli.data.dataset_info import DatasetInfo, write_dataset_info
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.data.synthetic.training_data import DRAWN_FACES
from femb_cli.evaluation.verification.overlap import name_digests
from femb_cli.training.build import (
    build_accelerator,
    build_card,
    build_classifier,
    build_state,
    open_batches,
    trained_people,
)
from femb_cli.training.loop import train
from femb_cli.training.planning.plan import make_plan

PIXELS = Preprocessing(16, "BGR", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return write_people(tmp_path_factory.mktemp("people"))


@pytest.fixture
def other(tmp_path) -> Path:
    """A checkpoint with colours, value range and class weights of its own."""
    torch.manual_seed(5)
    card = ModelCard(NETWORK, PIXELS, flip="none", source={"license": "research only"})
    classifier = {"weight": torch.randn(6, 8)}
    save_checkpoint(tmp_path / "other", build_configured_backbone(NETWORK), card, classifier=classifier)
    return tmp_path / "other"


def built(job):
    return build_state(job, build_accelerator(job.config, "cpu"))


def backbone_equals(state, checkpoint):
    expected = load_file(checkpoint / "model.safetensors")
    return all(torch.equal(value, expected[name]) for name, value in state.backbone.state_dict().items())


def test_the_seed_decides_the_weights_of_a_new_run(people, tmp_path):
    states = [built(make_job(tmp_path / "run", people, seed=seed))[0] for seed in (1, 1, 2)]
    weights = [state.backbone.state_dict()["conv1.weight"] for state in states]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert torch.equal(states[0].classifier.weight, states[1].classifier.weight)
    assert [state.step for state in states] == [0, 0, 0]


@pytest.mark.parametrize("with_classifier", [False, True])
def test_a_warm_start_takes_the_backbone_and_the_class_weights_only_if_asked(people, tmp_path, other, with_classifier):
    init = InitConfig(checkpoint=str(other), classifier=with_classifier)
    state, card = built(make_job(tmp_path / "run", people, init=init))
    assert backbone_equals(state, other)
    weight = load_file(other / "classifier.safetensors")["weight"]
    assert torch.equal(state.classifier.weight, weight) is with_classifier
    assert (card.preprocessing, card.flip) == (PIXELS, "none")
    assert card.source["init"] == str(other)


def test_a_resumed_run_loads_its_own_checkpoint_and_ignores_init(people, tmp_path, other):
    job = make_job(tmp_path / "run", people, init=InitConfig(checkpoint=str(other)), steps=2)
    train(job, [])
    for file in other.iterdir():
        file.unlink()
    again = make_job(tmp_path / "run", people, init=job.config.init, steps=4, resumed=True)
    state, card = built(again)
    assert state.step == 2
    assert backbone_equals(state, job.run / "checkpoints/step-000002")
    assert card.source == open_checkpoint(job.run).card.source


def test_the_card_says_what_the_run_trains():
    card = build_card(TrainConfig(backbone=NETWORK, header=MagFaceConfig()), num_identities=6)
    assert (card.backbone, card.preprocessing, card.flip) == (NETWORK, Preprocessing(16), "sum")
    assert (card.header["name"], card.num_identities, card.magnitude_is_quality) == ("magface", 6, True)
    assert build_card(TrainConfig(backbone=NETWORK), num_identities=6).magnitude_is_quality is False


def test_the_card_says_whether_the_network_has_seen_drawn_faces_only(tmp_path):
    drawn, photos = TrainConfig(backbone=NETWORK), TrainConfig(backbone=NETWORK, data=DatasetConfig(path="people"))
    card = build_card(drawn, num_identities=6)
    assert card.source == {"training_data": DRAWN_FACES}
    assert build_card(photos, num_identities=6).source == {}
    save_checkpoint(tmp_path / "drawn", build_configured_backbone(NETWORK), card)
    init = open_checkpoint(tmp_path / "drawn")
    assert "training_data" not in build_card(photos, num_identities=6, init=init).source
    assert build_card(drawn, num_identities=6, resumed=init).source == {"training_data": DRAWN_FACES}
    official = Checkpoint(init.path, replace(init.card, source={"training_data": "MS1MV2"}))
    assert build_card(drawn, num_identities=6, init=official).source["training_data"] == "MS1MV2"


def test_the_card_says_how_femb_aligned_the_training_data(tmp_path):
    write_dataset_info(tmp_path, DatasetInfo(alignment="femb: mtcnn-1, main"))
    config = TrainConfig(backbone=NETWORK, data=DatasetConfig(path=str(tmp_path)))
    assert build_card(config, num_identities=6).source == {"alignment": "femb: mtcnn-1, main"}


def test_the_classifier_follows_the_plan():
    config = TrainConfig(
        backbone=NETWORK, classifier=ClassifierConfig(chunk=4, sample_rate=0.5, update="all", matmul_precision="bf16")
    )
    classifier = build_classifier(config, make_plan(config))
    assert (classifier.num_identities, classifier.chunk, classifier.sample_rate) == (config.data.num_identities, 4, 0.5)


def test_batches_start_at_the_first_step_that_is_left(people, tmp_path):
    job = make_job(tmp_path / "run", people, steps=5)
    accelerator = build_accelerator(job.config, "cpu")
    whole, rest = (list(open_batches(job, start, accelerator)) for start in (0, 3))
    assert [batch.images_BHW3.shape for batch in whole] == [(6, 112, 112, 3)] * 5
    for late, batch in zip(rest, whole[3:], strict=True):
        assert np.array_equal(late.rows_B, batch.rows_B)
        assert torch.equal(late.images_BHW3, batch.images_BHW3)


def test_a_checkpoint_says_who_the_network_was_trained_on_and_who_its_start_was(people, tmp_path):
    init = tmp_path / "start"
    save_checkpoint(
        init, build_configured_backbone(NETWORK), ModelCard(NETWORK, PIXELS), people_U=name_digests(["Somebody else"])
    )
    photos = DatasetConfig(path=str(people))
    job = make_job(tmp_path / "run", people, data=photos, init=InitConfig(checkpoint=str(init)), steps=1)
    train(job, [])
    names = ["Somebody else", *(f"person{number}" for number in range(6))]
    assert open_checkpoint(tmp_path / "run").people().tolist() == name_digests(names).tolist()
    resumed = built(make_job(tmp_path / "run", people, data=photos, init=job.config.init, resumed=True))[0]
    assert resumed.people_U.tolist() == name_digests(names).tolist()


def test_drawn_faces_are_nobody(people, tmp_path):
    source = make_job(tmp_path / "run", people).source
    assert len(trained_people(TrainConfig(), source, None)) == 0
