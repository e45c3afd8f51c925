"""Logits of embeddings at whole degrees from their class, against the formulae of the papers."""

import numpy as np
import pytest
import torch

from femb_cli.classifier import MarginClassifier
from femb_cli.headers import build_header

DEGREES = np.arange(181)
THETA = np.radians(DEGREES)
MAGNITUDE = 40.0
MAGFACE_MARGIN = (0.8 - 0.45) / (110 - 10) * (MAGNITUDE - 10) + 0.45
OTHERS = torch.tensor([[0.0, 1.0, 0.0], [-3.0, 0.5, 2.0], [0.1, -0.2, 0.7]], dtype=torch.float64)


def logits_by_degree(name, magnitude=MAGNITUDE, **parameters):
    """Logits of 181 embeddings that turn away from class 0 in steps of a degree; four classes."""
    classifier = MarginClassifier(build_header(name, **parameters), 3, 4).double()
    classifier.weight.data = torch.cat([torch.tensor([[2.0, 0.0, 0.0]]).double(), OTHERS])
    circle = np.stack([np.cos(THETA), np.sin(THETA), np.zeros(181)], 1)
    embeddings = torch.from_numpy(magnitude * circle)
    return classifier.logits(embeddings, torch.zeros(181, dtype=torch.long)).detach().numpy()


def sphereface_psi(margin):
    """The pieces of psi, each from its own interval."""
    psi = np.empty(181)
    for row, theta in enumerate(THETA):
        piece = max(k for k in range(10) if k * np.pi / margin <= theta + 1e-12)
        psi[row] = (-1) ** piece * np.cos(margin * theta) - 2 * piece
    return psi


def continued(margin):
    """ArcFace's curve with its line beyond pi - margin."""
    beyond = np.cos(THETA) - margin * np.sin(margin)
    return np.where(np.pi - margin > THETA, np.cos(THETA + margin), beyond)


def adaface_target(margin=0.4):
    """A quality from the magnitude's first mean and deviation, 20 and 100."""
    quality = 0.333 * (MAGNITUDE - 20) / (100 + 1e-3)
    nearest = np.arccos(1 - 1e-3)
    angle = np.clip(THETA, nearest, np.pi - nearest) - margin * quality
    return np.cos(np.clip(angle, 1e-3, np.pi - 1e-3)) - margin * (1 + quality)


CLOSED_FORMS = {
    "arcface": ("arcface", {"scale": 64.0, "margin": 0.5}, 64 * np.cos(THETA + 0.5)),
    "arcface official": ("arcface", {"margin": 0.3, "gradient": "official"}, 64 * np.cos(THETA + 0.3)),
    "cosface": ("cosface", {"scale": 30.0, "margin": 0.35}, 30 * (np.cos(THETA) - 0.35)),
    "combined": ("combined", {"m1": 1.2, "m2": 0.3, "m3": 0.1}, 64 * (np.cos(1.2 * THETA + 0.3) - 0.1)),
    "combined official": ("combined", {"m1": 0.9, "gradient": "official"}, 64 * np.cos(0.9 * THETA + 0.5)),
    "sphereface 1.7": ("sphereface", {"scale": 30.0, "margin": 1.7}, 30 * sphereface_psi(1.7)),
    "sphereface 4": ("sphereface", {"scale": 30.0, "margin": 4.0}, 30 * sphereface_psi(4)),
    "sphereface official": ("sphereface", {"scale": 30.0, "gradient": "official"}, 30 * sphereface_psi(1.7)),
    "sphereface capped": (
        "sphereface",
        {"scale": 30.0, "margin": 1.5, "variant": "capped"},
        30 * np.cos(np.minimum(1.5 * THETA, np.pi)),
    ),
    "a-softmax": ("sphereface", {"scale": None, "margin": 4.0}, MAGNITUDE * sphereface_psi(4)),
    "a-softmax annealed": (
        "sphereface",
        {"scale": None, "margin": 4.0, "annealing": 5.0},
        MAGNITUDE * (5 * np.cos(THETA) + sphereface_psi(4)) / 6,
    ),
    "magface": ("magface", {}, 64 * np.where(DEGREES < 90, np.cos(THETA + MAGFACE_MARGIN), np.cos(THETA))),
    "magface hard": ("magface", {"easy_margin": False}, 64 * continued(MAGFACE_MARGIN)),
    "magface cos": ("magface", {"kind": "cos"}, 64 * (np.cos(THETA) - MAGFACE_MARGIN)),
    "elastic arc": ("elasticface", {"std": 0.0}, 64 * np.cos(THETA + 0.5)),
    "elastic cos": ("elasticface", {"kind": "cos", "std": 0.0}, 64 * (np.cos(THETA) - 0.35)),
    "adaface": ("adaface", {}, 64 * adaface_target()),
    "curricularface": ("curricularface", {}, 64 * continued(0.5)),
    "sphereface negatives": ("sphereface", {"scale": 30.0, "variant": "negatives"}, 30 * np.cos(THETA)),
}
CHANGE_NEGATIVES = {"curricularface", "sphereface negatives"}


@pytest.mark.parametrize("case", CLOSED_FORMS)
def test_target_logit_is_the_closed_form(case):
    name, parameters, expected = CLOSED_FORMS[case]
    target = logits_by_degree(name, **parameters)[:, 0]
    # cos(90 degrees) rounds to a side, on which the easy margin depends.
    chosen = DEGREES != 90 if case == "magface" else slice(None)
    np.testing.assert_allclose(target[chosen], expected[chosen], atol=1e-9 * 64)


def cosines_with_others():
    """Of the 181 embeddings with the three other classes."""
    unit = (OTHERS / OTHERS.norm(dim=1, keepdim=True)).numpy()
    return np.stack([np.cos(THETA), np.sin(THETA), np.zeros(181)], 1) @ unit.T


@pytest.mark.parametrize("case", sorted(CLOSED_FORMS.keys() - CHANGE_NEGATIVES))
def test_other_classes_keep_their_cosine(case):
    name, parameters, _ = CLOSED_FORMS[case]
    scale = parameters.get("scale", 64.0) or MAGNITUDE
    others = logits_by_degree(name, **parameters)[:, 1:]
    np.testing.assert_allclose(others, scale * cosines_with_others(), atol=1e-9)


@pytest.mark.parametrize("name", ["arcface", "cosface", "combined"])
def test_interclass_filter_leaves_out_the_classes_above_it(name):
    cosines = cosines_with_others()
    expected = 64 * np.where(cosines > 0.6, 0, cosines)
    np.testing.assert_allclose(logits_by_degree(name, interclass_filter=0.6)[:, 1:], expected, atol=1e-9)


@pytest.mark.parametrize("name", ["arcface", "cosface", "combined"])
def test_interclass_filter_leaves_the_target_alone(name):
    np.testing.assert_array_equal(logits_by_degree(name, interclass_filter=0.0)[:, 0], logits_by_degree(name)[:, 0])


def test_sphereface_negatives_come_nearer_by_the_margin():
    others = logits_by_degree("sphereface", variant="negatives", scale=30.0, margin=1.4)[:, 1:]
    np.testing.assert_allclose(others, 30 * np.cos(np.arccos(cosines_with_others()) / 1.4), atol=1e-9)


def test_hard_negatives_of_curricularface_are_those_above_the_target():
    cosines = cosines_with_others()
    is_hard = cosines > np.cos(THETA + 0.5)[:, None]
    expected = 64 * np.where(is_hard, cosines**2, cosines)
    np.testing.assert_allclose(logits_by_degree("curricularface")[:, 1:], expected, atol=1e-9)


FALLING = [
    "cosface",
    "elastic cos",
    "sphereface 1.7",
    "sphereface 4",
    "sphereface official",
    "sphereface negatives",
    "a-softmax",
    "a-softmax annealed",
    "magface hard",
    "magface cos",
    "curricularface",
]


@pytest.mark.parametrize("case", FALLING)
def test_target_logit_falls_as_the_angle_grows(case):
    name, parameters, _ = CLOSED_FORMS[case]
    assert (np.diff(logits_by_degree(name, **parameters)[:, 0]) < 0).all()


@pytest.mark.parametrize("magnitude", [0.5, MAGNITUDE, 500.0])
@pytest.mark.parametrize("case", ["adaface", "sphereface capped"])
def test_target_logit_never_rises_where_the_curve_has_flat_ends(case, magnitude):
    name, parameters, _ = CLOSED_FORMS[case]
    target = logits_by_degree(name, magnitude, **parameters)[:, 0]
    assert (np.diff(target) <= 1e-12).all()
    assert (np.diff(target[30:91]) < 0).all()


@pytest.mark.parametrize("margin", [0.2, 0.5, 1.0])
def test_arcface_falls_up_to_the_angle_whose_margin_reaches_180_degrees(margin):
    target = logits_by_degree("arcface", margin=margin)[:, 0]
    last = int(np.degrees(np.pi - margin))
    assert (np.diff(target[: last + 1]) < 0).all()
    assert target[180] > target[last]


def test_easy_magface_falls_on_either_side_of_90_degrees():
    target = logits_by_degree("magface")[:, 0]
    assert (np.diff(target[:90]) < 0).all()
    assert (np.diff(target[91:]) < 0).all()


@pytest.mark.parametrize("magnitude, margin", [(1.0, 0.45), (10.0, 0.45), (60.0, 0.625), (110.0, 0.8), (500.0, 0.8)])
def test_magface_margin_grows_with_the_magnitude_between_its_bounds(magnitude, margin):
    assert build_header("magface").margin(torch.tensor([magnitude], dtype=torch.float64)).item() == pytest.approx(
        margin
    )


@pytest.mark.parametrize("name", ["arcface", "cosface", "combined", "sphereface", "elasticface", "curricularface"])
def test_magnitude_changes_nothing_where_the_scale_is_fixed(name):
    parameters = {"std": 0.0} if name == "elasticface" else {}
    near, far = (logits_by_degree(name, magnitude, **parameters) for magnitude in (0.5, 200.0))
    np.testing.assert_allclose(near, far, atol=1e-5)


def test_linear_gives_the_raw_products():
    classifier = MarginClassifier(build_header("linear"), 5, 7).double()
    embeddings = 10 * torch.randn(3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    logits = classifier.logits(embeddings, torch.tensor([0, 3, 6])).detach().numpy()
    np.testing.assert_allclose(logits, embeddings.numpy() @ classifier.weight.detach().numpy().T, rtol=1e-12)
