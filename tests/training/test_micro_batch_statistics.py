"""What a micro-batch sees: statistics, sorting and sampled classes are those of a micro-batch, not of the step."""

import pytest
import torch
from people import make_job, write_people
from safetensors.torch import load_file

from femb_cli.classifier import margin
from femb_cli.config.schema import AdaFaceConfig, ClassifierConfig, CurricularFaceConfig, ElasticFaceConfig
from femb_cli.headers.adaface import AdaFace
from femb_cli.headers.curricularface import CurricularFace
from femb_cli.headers.elasticface import ElasticFace
from femb_cli.training.loop import train

MICRO_BATCHES, IMAGES = 2, 3


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return write_people(tmp_path_factory.mktemp("people"))


def train_a_step(folder, people, **settings):
    """Train one step of two micro-batches of three images; return the class weights' file."""
    train(make_job(folder / "run", people, steps=1, micro_batches=MICRO_BATCHES, **settings), [])
    return load_file(folder / "run/checkpoints/step-000001/classifier.safetensors")


def spy(monkeypatch, owner, name):
    """Return a list that gets the arguments of every call of a function."""
    calls, original = [], getattr(owner, name)

    def spied(*arguments):
        calls.append([value.clone() if isinstance(value, torch.Tensor) else value for value in arguments])
        return original(*arguments)

    monkeypatch.setattr(owner, name, spied)
    return calls


def test_adafaces_averages_move_with_each_micro_batch(people, tmp_path, monkeypatch):
    calls = spy(monkeypatch, AdaFace, "observe")
    saved = train_a_step(tmp_path, people, header=AdaFaceConfig())
    magnitudes = [magnitude_B for _, _, magnitude_B in calls]
    assert [len(magnitude_B) for magnitude_B in magnitudes] == [IMAGES] * MICRO_BATCHES
    mean = 20.0
    for magnitude_B in magnitudes:
        mean = 0.01 * magnitude_B.mean().item() + 0.99 * mean
    assert saved["header.batch_mean"].item() == pytest.approx(mean, rel=1e-6)


def test_curricularfaces_average_moves_with_each_micro_batch(people, tmp_path, monkeypatch):
    calls = spy(monkeypatch, CurricularFace, "observe")
    saved = train_a_step(tmp_path, people, header=CurricularFaceConfig())
    first, second = (cosine_B.mean().item() for _, cosine_B, _ in calls)
    assert saved["header.t"].item() == pytest.approx(0.01 * second + 0.99 * 0.01 * first, rel=1e-5)


def test_elasticface_plus_sorts_within_a_micro_batch(people, tmp_path, monkeypatch):
    calls = spy(monkeypatch, ElasticFace, "draw_margins")
    train_a_step(tmp_path, people, header=ElasticFaceConfig(plus=True))
    assert [len(cosine_B) for _, cosine_B in calls] == [IMAGES] * MICRO_BATCHES


@pytest.mark.parametrize("update", ["sampled", "all"])
def test_micro_batches_of_a_step_draw_the_same_classes_and_add_their_own(people, tmp_path, monkeypatch, update):
    calls = spy(monkeypatch, margin, "sample_rows")
    train_a_step(tmp_path, people, classifier=ClassifierConfig(sample_rate=0.5, update=update))
    (own, draw_C, count), (other_own, other_draw_C, other_count) = calls
    assert torch.equal(draw_C, other_draw_C)
    assert count == other_count == 3
    assert not torch.equal(own, other_own)


def test_the_running_statistics_of_batch_norms_move_with_each_micro_batch(people, tmp_path):
    train_a_step(tmp_path, people)
    saved = load_file(tmp_path / "run/checkpoints/step-000001/model.safetensors")
    assert {value.item() for name, value in saved.items() if name.endswith("num_batches_tracked")} == {MICRO_BATCHES}
