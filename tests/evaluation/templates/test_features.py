"""Features of images and templates: hand cases, and those of the official code."""

import numpy as np
import pytest
from template_cases import of_faces, scored

from femb_cli.errors import FembError
from femb_cli.evaluation.templates.features import image_features, template_features, template_rows
from femb_cli.evaluation.templates.mode import TemplateMode
from femb_cli.evaluation.templates.scores import template_scores


def test_golden_template_features(ijb_like):
    golden = np.load(ijb_like / "expected_N1D1F1.npz")
    templates = scored(ijb_like, "N1D1F1")
    np.testing.assert_array_equal(templates.numbers_T, golden["template_ids"])
    np.testing.assert_allclose(templates.features_TD, golden["template_features"], rtol=0, atol=1e-7)
    np.testing.assert_allclose(templates.scores_P, golden["pair_scores"], rtol=0, atol=1e-9)


def test_golden_media_before_template(edge_cases):
    given = edge_cases["media_before_template"]["input"]
    features = np.array(given["features"], dtype=np.float64)
    numbers, rows = of_faces(features, np.array(given["template"]), np.array(given["media"]))
    left, right = (template_rows(numbers, np.array([number], dtype=np.int32)) for number in given["pair"])
    score = edge_cases["media_before_template"]["expected"]["score"]
    assert template_scores(rows, left, right)[0] == pytest.approx(score, abs=1e-12)


def test_the_norm_weighs_only_under_n1():
    embeddings = np.array([[3.0, 4.0]])
    kept = image_features(embeddings, np.ones(1, dtype=np.float32), TemplateMode.parse("N1D0"))
    unit = image_features(embeddings, np.ones(1, dtype=np.float32), TemplateMode.parse("N0D0"))
    np.testing.assert_allclose([kept[0], unit[0]], [[3.0, 4.0], [0.6, 0.8]])


def test_faceness_weighs_only_under_d1():
    embeddings, faceness = np.array([[3.0, 4.0]]), np.array([0.5], dtype=np.float32)
    np.testing.assert_allclose(image_features(embeddings, faceness, TemplateMode.parse("N1D1")), [[1.5, 2.0]])
    np.testing.assert_allclose(image_features(embeddings, faceness, TemplateMode.parse("N1D0")), [[3.0, 4.0]])


def test_the_mirror_image_is_added_only_under_f1():
    embeddings, faceness = np.array([[1.0, 2.0, 10.0, 20.0]]), np.ones(1, dtype=np.float32)
    np.testing.assert_allclose(image_features(embeddings, faceness, TemplateMode.parse("N1D1F1")), [[11.0, 22.0]])
    np.testing.assert_allclose(image_features(embeddings, faceness, TemplateMode.parse("N1D1F0")), [[1.0, 2.0]])


@pytest.mark.parametrize(("value", "word"), [(0.0, "zero"), (np.nan, "not finite")])
def test_an_embedding_without_direction_is_refused(value, word):
    embeddings = np.ones((3, 2))
    embeddings[1] = value
    with pytest.raises(FembError, match=f"image 1 .* is {word}; 1 of 3"):
        image_features(embeddings, np.ones(3, dtype=np.float32), TemplateMode.parse("N1D1"))


def test_rows_that_cannot_be_halved_are_refused():
    with pytest.raises(FembError, match="rows of 3 numbers"):
        image_features(np.ones((1, 3)), np.ones(1, dtype=np.float32), TemplateMode())


def test_another_number_of_rows_than_images_is_refused():
    with pytest.raises(FembError, match="2 images need as many rows"):
        image_features(np.ones((1, 4)), np.ones(2, dtype=np.float32), TemplateMode())


def test_templates_do_not_depend_on_where_the_embeddings_are_stored(monkeypatch):
    monkeypatch.setattr("femb_cli.evaluation.templates.features._IMAGES_AT_A_TIME", 7)
    generator = np.random.default_rng(0)
    embeddings, faceness = generator.standard_normal((40, 8)), generator.random(40, dtype=np.float32)
    template, media, order = generator.integers(0, 5, 40), generator.integers(0, 3, 40), generator.permutation(40)
    stored = np.empty_like(embeddings)
    stored[order] = embeddings
    expected = np.zeros((5, 8))
    for number in range(5):
        for medium in range(3):
            chosen = (template == number) & (media == medium)
            if chosen.any():
                expected[number] += (embeddings[chosen] * faceness[chosen, None]).mean(axis=0)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    _, rows = template_features(stored, order, faceness, template, media, TemplateMode.parse("N1D1"))
    np.testing.assert_allclose(rows, expected, rtol=0, atol=1e-12)


def test_a_template_whose_images_cancel_out_is_refused():
    with pytest.raises(FembError, match="template 5 sum up to zero"):
        of_faces(np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([5, 5]), np.array([1, 2]))


def test_a_pair_of_a_template_without_images_is_refused():
    with pytest.raises(FembError, match="pair 2 is of template 9"):
        template_rows(np.array([1, 2]), np.array([1, 9], dtype=np.int32))


@pytest.mark.parametrize("number", [-1, 2**31 - 1])
def test_a_template_number_out_of_range_is_refused(number):
    with pytest.raises(FembError, match=f"number a template {number}: expected 0 to"):
        template_rows(np.array([1, 2]), np.array([1, number], dtype=np.int32))
