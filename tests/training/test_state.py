"""Going on with a training as if it had not stopped."""

from functools import partial

import pytest
import torch

from femb_cli.backbones import build_configured_backbone
from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.store import open_checkpoint, save_checkpoint
from femb_cli.classifier import MarginClassifier
from femb_cli.config.schema import IResNetConfig, SGDConfig
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.errors import FembError
from femb_cli.headers import build_header
from femb_cli.training.optim.optimizers import build_optimizer
from femb_cli.training.state import load_state, save_state, seed_step

CONFIG = IResNetConfig("iresnet18", embedding_dim=8, input_size=16, width=0.0625)
CARD = ModelCard(CONFIG, Preprocessing(CONFIG.input_size))
IMAGES = torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2, 0, 1, 2])


def parts(seed, num_identities=3):
    torch.manual_seed(seed)
    backbone = build_configured_backbone(CONFIG)
    classifier = MarginClassifier(build_header("elasticface"), 8, num_identities)
    return backbone, classifier, build_optimizer(SGDConfig(lr=0.1), backbone, classifier)


def train(backbone, classifier, optimizer, steps):
    for step in steps:
        seed_step(7, step, 0, classifier)
        optimizer.zero_grad()
        classifier(backbone(IMAGES), LABELS).loss.backward()
        optimizer.step()


def save(path, backbone, classifier, optimizer, step):
    write_state = partial(save_state, step=step, optimizer=optimizer.state_dict(), scaler=None)
    save_checkpoint(path, backbone, CARD, classifier=classifier.state_dict(), write_state=write_state)


@pytest.fixture
def stopped(tmp_path):
    """A checkpoint after three steps."""
    run = parts(seed=1)
    train(*run, range(3))
    save(tmp_path / "stopped", *run, step=3)
    return tmp_path / "stopped"


def test_an_interrupted_training_ends_with_the_same_weights(stopped):
    unbroken = parts(seed=1)
    train(*unbroken, range(6))
    resumed = parts(seed=2)
    done = load_state(open_checkpoint(stopped), *resumed, scaler=None)
    assert done == 3
    train(*resumed, range(done, 6))
    for whole, continued in zip(unbroken[:2], resumed[:2], strict=True):
        for (name, expected), actual in zip(whole.state_dict().items(), continued.state_dict().values(), strict=True):
            assert torch.equal(actual, expected), name


def test_a_checkpoint_without_state_cannot_be_continued(tmp_path):
    run = parts(seed=1)
    save_checkpoint(tmp_path / "plain", run[0], CARD)
    with pytest.raises(FembError, match="no state/") as caught:
        load_state(open_checkpoint(tmp_path / "plain"), *run, scaler=None)
    assert "not trained further" in caught.value.hint


def test_a_state_of_other_people_is_refused(stopped):
    with pytest.raises(FembError, match=r"weight \(3, 8\) for \(4, 8\)"):
        load_state(open_checkpoint(stopped), *parts(seed=1, num_identities=4), scaler=None)


@pytest.mark.parametrize("name", ["state/optimizer.pt", "classifier.safetensors", "state/progress.json"])
def test_a_damaged_state_is_an_error_for_people(stopped, name):
    (stopped / name).write_bytes(b"damaged")
    with pytest.raises(FembError, match=name):
        load_state(open_checkpoint(stopped), *parts(seed=1), scaler=None)


def test_the_scaler_is_continued(tmp_path):
    backbone, classifier, optimizer = parts(seed=1)
    scalers = [torch.amp.GradScaler("cpu", init_scale=scale) for scale in (8.0, 2.0)]
    # The scale becomes a tensor, and part of the state, when it is first used.
    _ = [scaler.scale(torch.ones(())) for scaler in scalers]
    write_state = partial(save_state, step=1, optimizer=optimizer.state_dict(), scaler=scalers[0])
    save_checkpoint(tmp_path / "c", backbone, CARD, classifier=classifier.state_dict(), write_state=write_state)
    load_state(open_checkpoint(tmp_path / "c"), backbone, classifier, optimizer, scaler=scalers[1])
    assert scalers[1].get_scale() == 8.0


def test_a_steps_randomness_depends_on_seed_step_and_rank_alone():
    _, classifier, _ = parts(seed=1)

    def draws(*where):
        generator = seed_step(*where, classifier)
        return torch.rand(()).item(), torch.rand((), generator=generator).item()

    places = [(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0)]
    assert [draws(*place) for place in places] == [draws(*place) for place in places]
    assert len({draws(*place) for place in places}) == 4
