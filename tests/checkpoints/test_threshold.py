"""The thresholds in a model's card."""

import json
from dataclasses import replace

import pytest
from thresholds import threshold

from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.threshold import choose_threshold, thresholds_from_text, thresholds_to_text
from femb_cli.config.schema import IResNetConfig
from femb_cli.errors import FembError

CARD = ModelCard(IResNetConfig())


def test_thresholds_survive_the_cards_metadata():
    card = CARD.with_thresholds(threshold(1e-4, 0.4), threshold(1e-3, 0.3))
    assert ModelCard.from_metadata(card.to_metadata(), "file") == card


def test_a_card_without_thresholds_is_that_of_an_older_femb():
    assert "thresholds" not in CARD.to_metadata()
    assert ModelCard.from_metadata(CARD.to_metadata(), "file").thresholds == ()


def test_the_text_has_sorted_keys():
    (entry,) = json.loads(thresholds_to_text([threshold()]))
    assert list(entry) == sorted(entry)
    assert list(entry["impostor_scores"]) == ["end", "ranks", "scores"]


def test_a_threshold_replaces_that_of_its_fmr_and_the_highest_fmr_comes_first():
    card = CARD.with_thresholds(threshold(1e-4, 0.4)).with_thresholds(threshold(1e-2, 0.2), threshold(1e-4, 0.5))
    assert [(item.fmr, item.cosine) for item in card.thresholds] == [(1e-2, 0.2), (1e-4, 0.5)]


def test_people_are_not_shown_the_scores():
    assert "thresholds" not in CARD.with_thresholds(threshold()).to_display()


@pytest.mark.parametrize(
    "changes",
    [
        {"fmr": 0.0},
        {"fmr": 1.5},
        {"cosine": 2.0},
        {"cosine": "high"},
        {"fnmr": -0.1},
        {"flip": "both"},
        {"impostor_scores": {"end": "highest", "ranks": [2], "scores": [0.1]}},
        {"impostor_scores": None},
    ],
)
def test_damaged_thresholds_are_refused_with_the_files_name(changes):
    (entry,) = json.loads(thresholds_to_text([threshold()]))
    metadata = {**CARD.to_metadata(), "thresholds": json.dumps([{**entry, **changes}])}
    with pytest.raises(FembError, match=r"a\.safetensors has damaged metadata"):
        ModelCard.from_metadata(metadata, "a.safetensors")


@pytest.mark.parametrize("text", ["", "{}", "[1]", "[NaN]", "null", "[" * 100_000])
def test_a_text_that_is_no_list_of_thresholds_is_refused(text):
    with pytest.raises((ValueError, RecursionError)):
        thresholds_from_text(text)


def test_the_highest_fmr_decides_unless_another_is_named():
    stored = (threshold(1e-2), threshold(1e-3))
    assert choose_threshold(stored, None, "m") is stored[0]
    assert choose_threshold(stored, 1e-3, "m") is stored[1]
    assert choose_threshold((), None, "m") is None


@pytest.mark.parametrize(("stored", "named"), [((), "none"), ((threshold(1e-2), threshold(1e-3)), "1e-2, 1e-3")])
def test_an_fmr_that_is_not_stored_is_an_error_with_the_command(stored, named):
    with pytest.raises(FembError, match=rf"m has no threshold at FMR 1e-4 \(stored: {named}\)") as error:
        choose_threshold(stored, 1e-4, "m")
    assert "--store-threshold 1e-4" in error.value.hint


def test_a_threshold_says_where_it_was_measured():
    assert replace(threshold(), measured_on="pairs.csv").at == "FMR 1e-3 on pairs.csv"
