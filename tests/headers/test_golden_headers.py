"""Results of the official implementations, in float64."""

import numpy as np
import pytest
import torch

from femb_cli.classifier import MarginClassifier
from femb_cli.headers import build_header
from femb_cli.headers.elasticface import assign_as_published, assign_by_cosine

# Largest error of an array relative to its largest absolute value.
TOLERANCE = {torch.float64: 1e-9, torch.float32: 2e-5}
DTYPES = pytest.mark.parametrize("dtype", TOLERANCE, ids=str)

MAGFACE = {key: key for key in ("l_a", "u_a", "l_margin", "u_margin", "lambda_g")}
# By file: the header, its parameters that are not in the file, and the names of the others there.
SINGLE = {
    "at_arcface": ("arcface", {"gradient": "official"}, {"scale": "s", "margin": "m2"}),
    "at_arcface_filter": (
        "arcface",
        {"gradient": "official"},
        {"scale": "s", "margin": "m2", "interclass_filter": "interclass_filtering_threshold"},
    ),
    "at_cosface": ("cosface", {}, {"scale": "s", "margin": "m3"}),
    "at_cosface_filter": (
        "cosface",
        {},
        {"scale": "s", "margin": "m3", "interclass_filter": "interclass_filtering_threshold"},
    ),
    "ef_arcface": ("arcface", {"gradient": "exact"}, {"scale": "s", "margin": "m"}),
    "ef_cosface": ("cosface", {}, {"scale": "s", "margin": "m"}),
    "magface_easy": ("magface", {}, MAGFACE | {"scale": "s", "easy_margin": "easy_margin"}),
    "magface_noeasy": ("magface", {}, MAGFACE | {"scale": "s", "easy_margin": "easy_margin"}),
    "magface_cos": ("magface", {"kind": "cos"}, MAGFACE | {"scale": "s"}),
    "sphereface_asoftmax": ("sphereface", {"scale": None}, {"margin": "m", "annealing": "lamb"}),
    "sphereface_os": ("sphereface", {"gradient": "official"}, {"scale": "s", "margin": "m"}),
    "sphereface_os_m4": ("sphereface", {"gradient": "official"}, {"scale": "s", "margin": "m"}),
    "spherefacer_v0": ("sphereface", {"gradient": "official"}, {"scale": "s", "margin": "m"}),
    "spherefacer_v1": ("sphereface", {"gradient": "official", "variant": "capped"}, {"scale": "s", "margin": "m"}),
    "spherefacer_v2": ("sphereface", {"gradient": "official", "variant": "negatives"}, {"scale": "s", "margin": "m"}),
}
# With its other margins neutral, the combined margin is the header of the same file.
COMBINED = {
    "at_arcface": {"gradient": "official"},
    "at_arcface_filter": {"gradient": "official"},
    "at_cosface": {"gradient": "official"},
    "at_cosface_filter": {"gradient": "exact"},
}
ELASTIC = {
    ("elastic_arc", ""): {"kind": "arc"},
    ("elastic_cos", ""): {"kind": "cos"},
    ("elastic_arcplus", "_inverse"): {"kind": "arc", "plus": True},
    ("elastic_cosplus", "_inverse"): {"kind": "cos", "plus": True},
    ("elastic_arcplus", "_official"): {"kind": "arc", "plus": True, "official_order": True},
    ("elastic_cosplus", "_official"): {"kind": "cos", "plus": True, "official_order": True},
}
ADAFACE = ("adaface_t001", "adaface_t099")
CURRICULARFACE = ("curricular_tface", "curricular_faceXzoo")


def load(shared, name):
    with np.load(shared / "golden/heads" / f"{name}.npz") as file:
        return dict(file)


def build_from(golden, name, parameters, stored):
    return build_header(name, **parameters, **{key: golden[source].item() for key, source in stored.items()})


def classifier_of(header, golden, dtype):
    classifier = MarginClassifier(header, golden["W"].shape[1], golden["W"].shape[0]).to(dtype)
    classifier.weight.data = torch.from_numpy(golden["W"]).to(dtype)
    return classifier


def results_of(classifier, embeddings, labels):
    """Logits, losses and gradients of one training batch, named as in the files."""
    embeddings = embeddings.to(classifier.weight.dtype).requires_grad_()
    output = classifier(embeddings, labels)
    loss_gradients = torch.autograd.grad(output.loss, [embeddings, classifier.weight])
    return {
        "logits": classifier.logits(embeddings, labels).detach(),
        "loss_ce": output.cross_entropy.item(),
        "loss_total": output.loss.item(),
        "dE": loss_gradients[0],
        "dW": loss_gradients[1],
    }


def assert_close(actual, expected, dtype):
    for part, value in expected.items():
        error = np.abs(np.asarray(actual[part]) - value).max() / np.abs(value).max()
        assert error <= TOLERANCE[dtype], f"{part} is off by {error}"


def expected_of(golden, suffix=""):
    """The results in the file. Opensphere's gradients are those of a loss times `lw` / s, with unit class weights."""
    parts = {key: golden[key + suffix] for key in ("logits", "loss_ce", "loss_total", "dE") if key + suffix in golden}
    parts["dW"] = golden.get("dW_projected_derived", golden["dW" + suffix])
    if "lw" in golden:
        factor = golden["s"] / golden["lw"]
        parts |= {key: factor * parts[key] for key in ("loss_total", "dE", "dW")}
    return parts


@DTYPES
@pytest.mark.parametrize("name", SINGLE)
def test_header_equals_the_official_one(shared, name, dtype):
    golden = load(shared, name)
    classifier = classifier_of(build_from(golden, *SINGLE[name]), golden, dtype)
    results = results_of(classifier, torch.from_numpy(golden["E"]), torch.from_numpy(golden["y"]))
    assert_close(results, expected_of(golden), dtype)


@DTYPES
@pytest.mark.parametrize("name", COMBINED)
def test_combined_margins_equal_the_official_ones(shared, name, dtype):
    golden = load(shared, name)
    stored = {"scale": "s", "m1": "m1", "m2": "m2", "m3": "m3"}
    if name.endswith("filter"):
        stored["interclass_filter"] = "interclass_filtering_threshold"
    classifier = classifier_of(build_from(golden, "combined", COMBINED[name], stored), golden, dtype)
    results = results_of(classifier, torch.from_numpy(golden["E"]), torch.from_numpy(golden["y"]))
    assert_close(results, expected_of(golden), dtype)


@DTYPES
@pytest.mark.parametrize("name, suffix", ELASTIC)
def test_elasticface_equals_the_official_one_with_its_draws(shared, name, suffix, dtype):
    golden = load(shared, name)
    header = build_from(golden, "elasticface", ELASTIC[name, suffix], {"scale": "s"})
    margins = torch.from_numpy(golden[f"margins_applied{suffix}"]).to(dtype)
    header.draw_margins = lambda cosine_B: margins
    classifier = classifier_of(header, golden, dtype)
    results = results_of(classifier, torch.from_numpy(golden["E"]), torch.from_numpy(golden["y"]))
    assert_close(results, expected_of(golden, suffix), dtype)


@pytest.mark.parametrize("assign, suffix", [(assign_by_cosine, "_inverse"), (assign_as_published, "_official")])
@pytest.mark.parametrize("name", ["elastic_arcplus", "elastic_cosplus"])
def test_sorted_margins_go_where_the_paper_or_the_official_code_puts_them(shared, name, assign, suffix):
    golden = load(shared, name)
    drawn, cosine = (torch.from_numpy(golden[key]) for key in ("margins_drawn", "target_cos"))
    assert assign(drawn, cosine).numpy() == pytest.approx(golden[f"margins_applied{suffix}"], abs=0)


@DTYPES
@pytest.mark.parametrize("name", ADAFACE)
def test_adaface_equals_the_official_one_batch_after_batch(shared, name, dtype):
    golden = load(shared, name)
    stored = {"scale": "s", "margin": "m", "h": "h", "t_alpha": "t_alpha"}
    classifier = classifier_of(build_from(golden, "adaface", {}, stored), golden, dtype)
    for batch in range(len(golden["y"])):
        unit, norm = golden["E_unit"][batch], golden["norms"][batch][:, None]
        results = results_of(classifier, torch.from_numpy(norm * unit), torch.from_numpy(golden["y"][batch]))
        expected = {key: golden[key][batch] for key in ("logits", "loss_ce", "loss_total", "dE", "dW")}
        # The official head takes unit rows; this gradient is through their normalisation.
        along = (unit * expected["dE"]).sum(1, keepdims=True)
        expected["dE"] = (expected["dE"] - unit * along) / norm
        assert_close(results, expected, dtype)
        for state in ("batch_mean", "batch_std"):
            assert_close({state: getattr(classifier.header, state)}, {state: golden[state][batch]}, dtype)


@DTYPES
@pytest.mark.parametrize("name", CURRICULARFACE)
def test_curricularface_equals_the_official_one_batch_after_batch(shared, name, dtype):
    golden = load(shared, name)
    header = build_from(golden, "curricularface", {}, {"scale": "s", "margin": "m", "alpha": "alpha"})
    classifier = classifier_of(header, golden, dtype)
    for batch in range(len(golden["y"])):
        results = results_of(classifier, torch.from_numpy(golden["E"][batch]), torch.from_numpy(golden["y"][batch]))
        expected = {key: golden[key][batch] for key in ("logits", "loss_ce", "loss_total", "dE", "dW")}
        assert_close(results, expected, dtype)
        assert_close({"t": classifier.header.t}, {"t": golden["t_after"][batch]}, dtype)
