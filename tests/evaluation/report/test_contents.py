"""What a report shows of a verification beyond its metrics."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from reports import embedded_with_scores

from femb_cli.data.open import open_source
from femb_cli.evaluation.metrics.intervals import Interval
from femb_cli.evaluation.report.contents import report_contents
from femb_cli.evaluation.verification.confidence import Confidence
from femb_cli.evaluation.verification.pair_file import read_pairs
from femb_cli.evaluation.verification.quality_file import QualityScores, read_quality_scores
from femb_cli.evaluation.verification.result import Verification
from femb_cli.evaluation.verification.score import score_pairs

SCORES = np.array([0.4, 0.5, 0.9, 0.1])
CONFIDENCE = Confidence({"eer": Interval(0.0, 0.5, level=0.95)}, "bootstrap over pairs")


@pytest.fixture
def result(tmp_path) -> Verification:
    path = tmp_path / "pairs.csv"
    rows = ["a/1,a/2,1,day", "a/1,b/1,0,day", "b/1,b/2,1,night", "b/2,c/1,0,night"]
    path.write_text("\n".join(["ref,probe,mated,light", *rows]))
    pairs = read_pairs(path)
    return Verification(
        benchmark="toys",
        title="Toys",
        model="model",
        flip="none",
        metrics=score_pairs(SCORES, pairs, "exact"),
        scores_N=SCORES,
        pairs=pairs,
        embedded=embedded_with_scores(pairs, SCORES),
        card={"backbone": "iresnet50"},
        warnings=("a pair is listed twice",),
    )


@pytest.fixture
def quality_file(tmp_path) -> QualityScores:
    """Qualities of the pairs: 1, 2, 3 and 4."""
    path = tmp_path / "sharpness.txt"
    path.write_text("a/1 2\na/2 1\nb/1 3\nb/2 4\nc/1 5\n")
    return read_quality_scores(path)


def test_what_the_verification_knows_is_handed_on(result):
    contents = report_contents(result, CONFIDENCE)
    assert contents.confidence == CONFIDENCE
    assert (contents.card, contents.warnings) == (result.card, result.warnings)
    assert contents.hardest == []


def test_pairs_are_grouped_as_their_list_groups_them(result):
    (by_light,) = report_contents(result, CONFIDENCE).groups
    assert by_light.grouping == "light"
    # No false match is allowed: the threshold is above 0.5.
    assert [group.fnmr for group in by_light.groups] == [1.0, 0.0]


def test_magnitudes_of_normalised_embeddings_are_no_quality(result):
    contents = report_contents(result, CONFIDENCE)
    assert contents.normalised
    assert (contents.discard, contents.magnitudes_I, contents.quality) == (None, None, "")
    assert contents.to_json()["discard"] is None


def test_sums_of_normalised_embeddings_are_no_quality_either(result):
    embedded = replace(result.embedded, embeddings_ND=np.arange(1, 9)[:, None] * result.embedded.embeddings_ND)
    contents = report_contents(replace(result, embedded=embedded, card={"unit_length": "yes"}), CONFIDENCE)
    assert (contents.normalised, contents.discard) == (True, None)


def test_a_quality_file_gives_a_curve_and_groups(result, quality_file):
    contents = report_contents(result, CONFIDENCE, quality_file)
    assert contents.quality == "sharpness.txt"
    assert [comparison.grouping for comparison in contents.groups] == ["light", "sharpness.txt"]
    assert contents.discard.fnmr_T[[0, -1]].tolist() == [0.5, 0.0]
    assert [contents.fnmr_after(share) for share in (0.0, 0.25, 0.99)] == [0.5, 0.0, None]


def test_without_a_quality_file_the_smaller_magnitude_is_the_quality(result):
    embedded = result.embedded
    lengths = np.array([[4.0, 3.0, 2.0, 1.0], [9.0, 9.0, 9.0, 0.5]]).reshape(8, 1)
    longer = replace(embedded, embeddings_ND=lengths * embedded.embeddings_ND)
    contents = report_contents(replace(result, embedded=longer), CONFIDENCE)
    assert contents.magnitudes_I.max() == pytest.approx(9.0)
    assert contents.groups[1].grouping == contents.quality == "magnitude of the embedding"
    groups = contents.groups[1].groups
    assert [group.name for group in groups] == ["1: 0.5 to 0.5", "2: 2 to 2", "3: 3 to 3", "4: 4 to 4"]


def test_pictures_are_of_the_hardest_pairs_genuine_ones_first(result, tmp_path):
    for name in ("a/1", "a/2", "b/1", "b/2", "c/1"):
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (112, 112), (ord(name[0]), 0, 0)).save(tmp_path / "images" / f"{name}.png")
    pictured = replace(result, images=open_source(tmp_path / "images"))
    hardest = report_contents(pictured, CONFIDENCE).hardest
    assert [(pair.left, pair.right, pair.score) for pair in hardest] == [
        ("a/1", "a/2", 0.4),
        ("b/1", "b/2", 0.9),
        ("a/1", "b/1", 0.5),
        ("b/2", "c/1", 0.1),
    ]
    assert [pair.genuine for pair in hardest] == [True, True, False, False]
    assert hardest[2].right_HW3[0, 0, 0] == ord("b")


def test_pictures_are_of_the_images_of_lowest_and_highest_quality(result, quality_file, tmp_path):
    for name in ("a/1", "a/2", "b/1", "b/2", "c/1"):
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (112, 112), (ord(name[2]), 0, 0)).save(tmp_path / "images" / f"{name}.png")
    pictured = replace(result, images=open_source(tmp_path / "images"))
    contents = report_contents(pictured, CONFIDENCE, quality_file)
    assert [(image.name, image.quality) for image in contents.lowest] == [("a/2", 1.0), ("a/1", 2.0)]
    assert [(image.name, image.quality) for image in contents.highest] == [("c/1", 5.0), ("b/2", 4.0)]
    assert contents.lowest[0].image_HW3[0, 0, 0] == ord("2")
