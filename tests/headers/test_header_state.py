"""What AdaFace and CurricularFace remember from batch to batch."""

import pytest
import torch

from femb_cli.classifier import MarginClassifier
from femb_cli.headers import build_header

EMBEDDINGS = torch.tensor([[3.0, 4.0], [30.0, 40.0], [-600.0, 800.0]])
LABELS = torch.tensor([0, 1, 2])
STATEFUL = ["adaface", "curricularface"]


def classifier_of(name, **parameters):
    classifier = MarginClassifier(build_header(name, **parameters), 2, 3)
    classifier.weight.data = torch.tensor([[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0]])
    return classifier


def state_of(classifier):
    return {name: value.item() for name, value in classifier.header.named_buffers()}


def test_adaface_averages_the_clipped_magnitudes():
    classifier = classifier_of("adaface", t_alpha=0.25)
    classifier(EMBEDDINGS, LABELS)
    # Magnitudes 5, 50 and 1000, the last clipped to 100.
    magnitudes = torch.tensor([5.0, 50.0, 100.0])
    mean, std = 0.25 * magnitudes.mean() + 0.75 * 20, 0.25 * magnitudes.std() + 0.75 * 100
    assert state_of(classifier) == pytest.approx({"batch_mean": mean.item(), "batch_std": std.item()})


def test_one_sample_alone_leaves_the_deviation_of_adaface():
    classifier = classifier_of("adaface", t_alpha=0.25)
    classifier(EMBEDDINGS[:1], LABELS[:1])
    assert state_of(classifier) == pytest.approx({"batch_mean": 0.25 * 5 + 0.75 * 20, "batch_std": 100.0})


def test_quality_of_adaface_rises_with_the_magnitude_from_minus_one_to_one():
    quality = build_header("adaface", h=1.0).quality(torch.tensor([0.0, 20.0, 70.0, 1e4]))
    assert quality.tolist() == pytest.approx([-0.2, 0.0, 0.5, 0.8], abs=1e-3)
    extreme = build_header("adaface", h=10.0).quality(torch.tensor([0.0, 1e4]))
    assert extreme.tolist() == [-1.0, 1.0]


def test_adaface_gives_no_gradient_to_the_magnitude():
    magnitude = torch.tensor([30.0], requires_grad=True)
    assert not build_header("adaface").target(torch.tensor([0.5]), magnitude).requires_grad


def test_curricularface_averages_the_cosines_of_the_targets():
    classifier = classifier_of("curricularface", alpha=0.25)
    classifier(EMBEDDINGS, LABELS)
    assert state_of(classifier) == pytest.approx({"t": 0.25 * (0.6 + 0.8 + 0.6) / 3})


def test_hard_negatives_of_curricularface_count_more_as_t_grows():
    header = build_header("curricularface")
    cosine, target = torch.tensor([[0.9, -0.1]]), torch.tensor([0.5])
    header.t.fill_(0.3)
    assert header.negatives(cosine, target)[0].tolist() == pytest.approx([0.9 * (0.3 + 0.9), -0.1])


@pytest.mark.parametrize("name", STATEFUL)
def test_evaluation_leaves_the_state_alone(name):
    classifier = classifier_of(name).eval()
    before = state_of(classifier)
    classifier(EMBEDDINGS, LABELS)
    assert state_of(classifier) == before


@pytest.mark.parametrize("name", STATEFUL)
def test_a_state_is_saved_with_the_classifier(name):
    trained, fresh = classifier_of(name), classifier_of(name)
    trained(EMBEDDINGS, LABELS)
    fresh.load_state_dict(trained.state_dict())
    assert state_of(fresh) == state_of(trained)


@pytest.mark.parametrize("name", STATEFUL)
def test_a_state_is_no_part_of_the_graph(name):
    classifier = classifier_of(name)
    for _ in range(2):
        classifier(EMBEDDINGS.clone().requires_grad_(), LABELS).loss.backward()
    assert not any(buffer.requires_grad for buffer in classifier.header.buffers())
