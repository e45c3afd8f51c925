"""The training state saves itself and loads itself, as if the training had not stopped."""

import json

import pytest
import torch
from file_sizes import files_no_larger_than

from femb_cli.backbones import build_configured_backbone
from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.checksums import find_damage
from femb_cli.checkpoints.store import open_checkpoint, save_checkpoint
from femb_cli.classifier import MarginClassifier
from femb_cli.config.load import load_config
from femb_cli.config.schema import AdamWConfig, IResNetConfig, SGDConfig, TrainConfig
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.data.loading.micro_batch import MicroBatch
from femb_cli.errors import FembError
from femb_cli.headers import build_header
from femb_cli.training.optim.optimizers import build_optimizer
from femb_cli.training.randomness import seed_micro_batch
from femb_cli.training.state import TrainingState

CONFIG = IResNetConfig("iresnet18", embedding_dim=8, input_size=16, width=0.0625)
CARD = ModelCard(CONFIG, Preprocessing(CONFIG.input_size))
IMAGES = torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2, 0, 1, 2])


def new_state(seed, num_identities=3, scaler=None, optimizer=None):
    torch.manual_seed(seed)
    backbone = build_configured_backbone(CONFIG)
    classifier = MarginClassifier(build_header("elasticface"), 8, num_identities)
    optimizer = build_optimizer(optimizer or SGDConfig(lr=0.1), backbone, classifier)
    return TrainingState(backbone, classifier, optimizer, scaler)


def train(state, until):
    while state.step < until:
        seed_micro_batch(state, 7, len(IMAGES), MicroBatch())
        state.optimizer.zero_grad()
        state.classifier(state.backbone(IMAGES), LABELS).loss.backward()
        state.optimizer.step()
        state.step += 1


@pytest.fixture
def stopped(tmp_path):
    """A checkpoint after three steps."""
    state = new_state(seed=1)
    train(state, until=3)
    state.save(tmp_path / "stopped", CARD, TrainConfig(seed=7))
    return tmp_path / "stopped"


def assert_equal_weights(state, expected):
    for ours, theirs in ((state.backbone, expected.backbone), (state.classifier, expected.classifier)):
        for (name, value), actual in zip(theirs.state_dict().items(), ours.state_dict().values(), strict=True):
            assert torch.equal(actual, value), name


def test_a_checkpoint_holds_the_files_of_a_run(stopped):
    names = sorted(str(path.relative_to(stopped)) for path in stopped.rglob("*") if path.is_file())
    assert names == [
        "checksums.json",
        "classifier.safetensors",
        "config.yaml",
        "model.safetensors",
        "state/optimizer.pt",
        "state/progress.json",
    ]
    progress = json.loads((stopped / "state/progress.json").read_text())
    assert (progress["step"], progress["interval"]["steps"]) == (3, 0)
    assert load_config(stopped / "config.yaml").seed == 7


@pytest.mark.parametrize("optimizer", [SGDConfig(lr=0.1), AdamWConfig(lr=0.01)], ids=["sgd", "adamw"])
def test_an_interrupted_training_ends_with_the_same_weights(tmp_path, optimizer):
    unbroken = new_state(seed=1, optimizer=optimizer)
    train(unbroken, until=3)
    unbroken.save(tmp_path / "stopped", CARD, TrainConfig())
    train(unbroken, until=6)
    resumed = new_state(seed=2, optimizer=optimizer)
    resumed.load(open_checkpoint(tmp_path / "stopped"))
    assert resumed.step == 3
    train(resumed, until=6)
    assert_equal_weights(resumed, unbroken)


def test_what_is_loaded_is_saved_again_unchanged(stopped, tmp_path):
    state = new_state(seed=2)
    state.load(open_checkpoint(stopped))
    state.save(tmp_path / "again", CARD, TrainConfig(seed=7))
    again = new_state(seed=3)
    again.load(open_checkpoint(tmp_path / "again"))
    assert_equal_weights(again, state)
    for index, values in state.optimizer.state_dict()["state"].items():
        assert torch.equal(again.optimizer.state_dict()["state"][index]["momentum_buffer"], values["momentum_buffer"])
    for name in ("config.yaml", "state/progress.json"):
        assert (tmp_path / "again" / name).read_bytes() == (stopped / name).read_bytes(), name


def test_a_checkpoint_without_state_cannot_be_continued(tmp_path):
    state = new_state(seed=1)
    save_checkpoint(tmp_path / "plain", state.backbone, CARD)
    with pytest.raises(FembError, match="no state/") as caught:
        state.load(open_checkpoint(tmp_path / "plain"))
    assert "not trained further" in caught.value.hint


def test_a_state_of_other_people_is_refused(stopped):
    with pytest.raises(FembError, match=r"weight \(3, 8\) for \(4, 8\)"):
        new_state(seed=1, num_identities=4).load(open_checkpoint(stopped))


@pytest.mark.parametrize("name", ["state/optimizer.pt", "classifier.safetensors", "state/progress.json"])
def test_a_damaged_state_is_an_error_for_people(stopped, name):
    (stopped / name).write_bytes(b"damaged")
    with pytest.raises(FembError, match=name):
        new_state(seed=1).load(open_checkpoint(stopped))


@pytest.mark.parametrize("share", [0.5, 1.25], ids=["the network", "the optimizer"])
def test_a_file_that_cannot_be_written_is_one_error_and_leaves_the_older_checkpoint(tmp_path, share):
    """Above the network's size, only the optimizer's file is larger than the limit."""
    new_state(seed=1).save(tmp_path / "checkpoint", CARD, TrainConfig())
    state = new_state(seed=1, optimizer=AdamWConfig())
    train(state, until=1)
    limit = int(share * (tmp_path / "checkpoint/model.safetensors").stat().st_size)
    with files_no_larger_than(limit), pytest.raises(FembError) as refused:
        state.save(tmp_path / "checkpoint", CARD, TrainConfig())
    assert refused.value.message == f"cannot write {tmp_path / 'checkpoint'}: File too large"
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]
    assert find_damage(tmp_path / "checkpoint") is None


def test_the_state_of_another_optimizer_is_refused(stopped, tmp_path):
    with pytest.raises(FembError, match=r"optimizer\.pt has the momentum of SGD, but the run has AdamW"):
        new_state(seed=1, optimizer=AdamWConfig()).load(open_checkpoint(stopped))
    adamw = new_state(seed=1, optimizer=AdamWConfig())
    train(adamw, until=3)
    adamw.save(tmp_path / "adamw", CARD, TrainConfig())
    with pytest.raises(FembError, match=r"optimizer\.pt has no momentum for SGD"):
        new_state(seed=1).load(open_checkpoint(tmp_path / "adamw"))


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda state: state["param_groups"][0]["params"].pop(), "other parameters"),
        (lambda state: state["state"][0].update(momentum_buffer=torch.ones(3)), r"\(3,\) for a parameter of"),
        (lambda state: state.pop("state"), "damaged: 'state'"),
        (lambda state: state["param_groups"].clear(), "damaged: list index"),
    ],
)
def test_an_optimizer_of_other_parameters_is_refused(stopped, change, words):
    state = torch.load(stopped / "state/optimizer.pt", weights_only=True)
    change(state)
    torch.save(state, stopped / "state/optimizer.pt")
    with pytest.raises(FembError, match=words):
        new_state(seed=1).load(open_checkpoint(stopped))


def test_the_scaler_is_continued(tmp_path):
    scalers = [torch.amp.GradScaler("cpu", init_scale=scale) for scale in (8.0, 2.0)]
    # The scale becomes a tensor, and part of the state, when it is first used.
    _ = [scaler.scale(torch.ones(())) for scaler in scalers]
    new_state(seed=1, scaler=scalers[0]).save(tmp_path / "c", CARD, TrainConfig())
    new_state(seed=1, scaler=scalers[1]).load(open_checkpoint(tmp_path / "c"))
    assert scalers[1].get_scale() == 8.0
