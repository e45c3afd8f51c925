"""Template verification: hand cases, scikit-learn's curve, and the metrics of the official code on its file format."""

import json

import numpy as np
import pytest
from sklearn.metrics import roc_curve as sklearn_curve

from femb_cli.errors import FembError
from femb_cli.evaluation.metrics.roc import roc_curve
from femb_cli.evaluation.templates.features import (
    FALSE_POSITIVE_RATES,
    TemplateMode,
    image_features,
    template_features,
    template_metrics,
    template_rows,
    template_scores,
    tpr_at_nearest_fpr,
)
from femb_cli.evaluation.templates.lists import read_templates, rows_of_images

MODES = ["N1D1F1", "N1D1F0", "N0D1F1", "N1D0F1", "N0D0F0"]


@pytest.fixture(scope="module")
def ijb_like(shared):
    return shared / "golden" / "verification" / "ijb_like"


@pytest.fixture(scope="module")
def expected(ijb_like):
    return json.loads((ijb_like / "expected.json").read_text())


def scored(ijb_like, mode, kind=np.float64):
    templates = read_templates(ijb_like)
    embeddings = np.load(ijb_like / "image_features.npz")["features"]
    numbers, rows = template_features(
        embeddings,
        np.arange(len(embeddings)),
        templates.faceness_N,
        templates.template_N,
        templates.media_N,
        TemplateMode.parse(mode),
    )
    left, right = template_rows(numbers, templates.left_P), template_rows(numbers, templates.right_P)
    return templates, numbers, rows, template_scores(rows.astype(kind), left, right)


def of_faces(embeddings, template, media):
    """Templates of images that all are faces, of one embedding each."""
    ones = np.ones(len(embeddings), dtype=np.float32)
    return template_features(embeddings, np.arange(len(ones)), ones, template, media, TemplateMode.parse("N1D0"))


def write_lists(folder, faces="1.jpg 1 10\n2.jpg 2 20\n", pairs="1 2 0\n", scores=None):
    points = "0 " * 10
    (folder / "ijbb_face_tid_mid.txt").write_text(faces)
    (folder / "ijbb_template_pair_label.txt").write_text(pairs)
    (folder / "ijbb_name_5pts_score.txt").write_text(scores or f"1.jpg {points}0.5\n2.jpg {points}0.9\n")
    return folder


def test_the_lists_of_an_ijb_like_set_are_read(ijb_like, expected):
    templates = read_templates(ijb_like)
    assert len(templates.names) == expected["images"]
    assert len(np.unique(templates.template_N)) == expected["templates"]
    assert int(templates.genuine_P.sum()) == expected["genuine_pairs"]
    assert templates.names[0] == "1.jpg"
    assert (templates.template_N[0], templates.media_N[0], templates.faceness_N[0]) == (428, 3441, np.float32(0.711))
    assert (templates.left_P[0], templates.right_P[0], templates.genuine_P[0]) == (983, 1636, False)


def test_golden_template_features(ijb_like):
    golden = np.load(ijb_like / "expected_N1D1F1.npz")
    _, numbers, rows, scores = scored(ijb_like, "N1D1F1")
    np.testing.assert_array_equal(numbers, golden["template_ids"])
    np.testing.assert_allclose(rows, golden["template_features"], rtol=0, atol=1e-7)
    np.testing.assert_allclose(scores, golden["pair_scores"], rtol=0, atol=1e-9)


@pytest.mark.parametrize("mode", MODES[1:])
def test_golden_scores_of_the_other_modes(ijb_like, mode):
    golden = np.load(ijb_like / "expected_pair_scores_other_modes.npz")[mode]
    np.testing.assert_allclose(scored(ijb_like, mode)[3], golden, rtol=0, atol=1e-7)


@pytest.mark.parametrize("kind", [np.float64, np.float32])
@pytest.mark.parametrize("mode", MODES)
def test_golden_rates(ijb_like, expected, mode, kind):
    templates, numbers, _, scores = scored(ijb_like, mode, kind)
    golden = expected[mode]
    metrics = template_metrics(
        scores,
        templates.genuine_P,
        num_templates=len(numbers),
        num_images=len(templates.names),
        mode=TemplateMode.parse(mode),
    )
    for row, key in zip(golden["official_unrounded"], FALSE_POSITIVE_RATES, strict=True):
        allowed = row.get("equally_near_tpr", [row["tpr"]])
        assert any(metrics.official_tpr_at_fpr[key] == pytest.approx(tpr, abs=1e-12) for tpr in allowed)
        # Two impostors' scores are one in float32: a point is kept there that float64 leaves out.
        if len(allowed) == 1 and kind is np.float64:
            assert metrics.official_fpr[key] == pytest.approx(row["nearest_fpr"], abs=1e-12)
    for far, row in golden["exact"]["tar_at_far"].items():
        key = next(key for key, rate in FALSE_POSITIVE_RATES.items() if rate == float(far))
        assert metrics.tar_at_far[key] == pytest.approx(row["tar"], abs=1e-12)
        assert metrics.fnmr_at_fmr[key] == pytest.approx(row["fnmr"], abs=1e-12)
    # Float32 may change the order of two scores.
    tolerance = 1e-9 if kind is np.float64 else 1e-6
    assert metrics.auc == pytest.approx(golden["auc"], abs=tolerance)
    assert metrics.d_prime == pytest.approx(golden["exact"]["d_prime"], abs=tolerance)
    assert metrics.eer == pytest.approx(golden["exact"]["eer_interpolated"], abs=1e-12)


def test_golden_media_before_template(edge_cases):
    given = edge_cases["media_before_template"]["input"]
    features = np.array(given["features"], dtype=np.float64)
    numbers, rows = of_faces(features, np.array(given["template"]), np.array(given["media"]))
    left, right = (template_rows(numbers, np.array([number], dtype=np.int32)) for number in given["pair"])
    score = edge_cases["media_before_template"]["expected"]["score"]
    assert template_scores(rows, left, right)[0] == pytest.approx(score, abs=1e-12)


def test_golden_nearest_fpr_may_exceed_the_target(edge_cases):
    case = edge_cases["nearest_fpr_may_exceed_the_target"]
    genuine, impostor = case["input"]["genuine_scores"], case["input"]["impostor_scores"]
    curve = roc_curve(genuine + impostor, [True] * len(genuine) + [False] * len(impostor))
    (point,) = tpr_at_nearest_fpr(curve, [case["input"]["fpr_target"]])
    assert (point.tpr, point.fpr) == (case["expected"]["official_tpr"], case["expected"]["official_fpr"])


@pytest.mark.parametrize("decimals", [1, 2, 12])
@pytest.mark.parametrize("seed", range(5))
def test_the_nearest_point_is_that_of_scikit_learns_curve(seed, decimals):
    generator = np.random.default_rng(seed)
    genuine = generator.random(300) < 0.3
    scores = np.round(generator.normal(0.4 * genuine, 0.3), decimals)
    fpr, tpr, _ = sklearn_curve(genuine, scores)
    points = tpr_at_nearest_fpr(roc_curve(scores, genuine), list(FALSE_POSITIVE_RATES.values()))
    for point, target in zip(points, FALSE_POSITIVE_RATES.values(), strict=True):
        nearest = min(range(len(fpr)), key=lambda k: (abs(fpr[k] - target), -k))
        assert (point.tpr, point.fpr) == pytest.approx((tpr[nearest], fpr[nearest]), abs=1e-12)


def test_curves_of_one_and_two_scores_have_their_corners():
    for scores in ([0.5, 0.5], [0.7, 0.3]):
        (point,) = tpr_at_nearest_fpr(roc_curve(scores, [True, False]), [1.0])
        assert (point.tpr, point.fpr) == (1.0, 1.0)


@pytest.mark.parametrize("num_pairs", [1, 200, 50_000])
def test_few_and_many_pairs_in_any_order_have_the_scores_of_the_pairs_alone(num_pairs):
    generator = np.random.default_rng(0)
    features = generator.normal(size=(2100, 4))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    left, right = generator.integers(0, 2100, size=(2, num_pairs))
    expected = np.sum(features[left] * features[right], axis=1)
    np.testing.assert_allclose(template_scores(features, left, right), expected, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(template_scores(features, right, left), template_scores(features, left, right))


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


@pytest.mark.parametrize("text", ["", "N1", "N2D1F1", "n1d1f1", "N1D1F1 "])
def test_a_mode_that_is_none_is_refused(text):
    with pytest.raises(FembError, match="no template mode"):
        TemplateMode.parse(text)


@pytest.mark.parametrize("text", [*MODES, "N1D0"])
def test_a_mode_is_written_as_it_is_read(text):
    assert str(TemplateMode.parse(text)) == text


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


@pytest.mark.parametrize("num_left", [3, 40])
def test_scores_are_the_inner_products_however_the_table_is_cut(num_left, monkeypatch):
    monkeypatch.setattr("femb_cli.evaluation.templates.features._CELLS", 100)
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((40, 8))
    left, right = generator.permutation(40)[generator.integers(0, num_left, 900)], generator.integers(0, 40, 900)
    scores = template_scores(rows, left, right)
    np.testing.assert_allclose(scores, np.einsum("pd,pd->p", rows[left], rows[right]), rtol=0, atol=1e-12)


def test_few_pairs_of_many_templates_are_scored_without_the_table():
    rows = np.eye(3000, 4) + 1.0
    left, right = np.array([0, 1, 2999]), np.array([2999, 1, 0])
    np.testing.assert_allclose(template_scores(rows, left, right), (rows[left] * rows[right]).sum(axis=1))


def test_a_template_whose_images_cancel_out_is_refused():
    with pytest.raises(FembError, match="template 5 sum up to zero"):
        of_faces(np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([5, 5]), np.array([1, 2]))


def test_a_pair_of_a_template_without_images_is_refused():
    with pytest.raises(FembError, match="pair 2 is of template 9"):
        template_rows(np.array([1, 2]), np.array([1, 9], dtype=np.int32))


@pytest.mark.parametrize(
    ("lists", "word"),
    [
        ({"faces": "1.jpg 1\n2.jpg 2 20\n"}, "line 1: 2 columns"),
        ({"faces": "1.jpg 1 x\n2.jpg 2 20\n"}, "cannot read"),
        ({"faces": "2.jpg 1 10\n1.jpg 2 20\n"}, "other images"),
        ({"faces": ""}, "is empty"),
        ({"pairs": "1 2 2\n"}, "the label is 2"),
        ({"pairs": "1 2 1\n1 2\n"}, "columns"),
        ({"pairs": "1 2\n"}, "2 columns, not 3"),
        ({"pairs": ""}, "is empty"),
    ],
)
def test_damaged_lists_are_refused(tmp_path, lists, word):
    with pytest.raises(FembError, match=word):
        read_templates(write_lists(tmp_path, **lists))


def test_a_folder_without_lists_is_refused(tmp_path):
    with pytest.raises(FembError, match="holds 0 lists"):
        read_templates(tmp_path)


def test_images_are_found_by_their_file_names():
    rows = rows_of_images(["1.jpg", "10.jpg"], ["loose_crop/10.png", "loose_crop/1.png"])
    np.testing.assert_array_equal(rows, [1, 0])
    with pytest.raises(FembError, match=r"'2.jpg' \(1 of 2"):
        rows_of_images(["1.jpg", "2.jpg"], ["1.jpg"])
    with pytest.raises(FembError, match="apart"):
        rows_of_images(["1.jpg"], ["a/1.jpg", "b/1.jpg"])
