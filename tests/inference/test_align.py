"""What is said about photos before their faces are found."""

from dataclasses import replace

import numpy as np
import pytest

from femb_cli.checkpoints.card import ModelCard
from femb_cli.config.schema import IResNetConfig
from femb_cli.inference.align import Alignment, Survey, alignment_mismatch

CARD = ModelCard(IResNetConfig("iresnet18"))
PHOTOS = Survey(None, np.arange(2), np.array([True, False]), 0, Alignment())


@pytest.mark.parametrize(
    "trained, survey, is_said",
    [
        ("femb: mtcnn-1, main", PHOTOS, False),
        ("femb: mtcnn-1, largest", PHOTOS, False),
        ("femb: yunet-1-daede24002cc, main", PHOTOS, True),
        ("femb: yunet-1-daede24002cc, main", replace(PHOTOS, alignment=Alignment("never")), False),
        ("femb: yunet-1-daede24002cc, main", replace(PHOTOS, is_photo_N=np.zeros(2, bool)), False),
    ],
)
def test_another_alignment_than_that_of_the_training_data_is_said(trained, survey, is_said):
    assert bool(alignment_mismatch(CARD.with_source(alignment=trained), survey)) == is_said


def test_small_images_are_counted():
    small = replace(PHOTOS, is_photo_N=np.zeros(2, bool), num_small=2)
    assert small.note.startswith("2 of 2 images are smaller than aligned faces: they are enlarged")
    assert "; 1 of 2 images are smaller" in replace(PHOTOS, num_small=1).note


def test_a_note_names_the_options_that_the_command_has():
    note = replace(PHOTOS, num_small=1).note_naming(never="", always="--always")
    assert "--align" not in note
    assert "(--always searches them)" in note


def test_a_card_that_says_nothing_is_no_mismatch():
    assert alignment_mismatch(CARD, PHOTOS) == ""
    assert alignment_mismatch(None, PHOTOS) == ""
