"""What is said about photos before their faces are found."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from pictures import people

from femb_cli.checkpoints.card import ModelCard
from femb_cli.config.schema import IResNetConfig
from femb_cli.data.open import open_source
from femb_cli.inference import align as module
from femb_cli.inference.align import Alignment, Survey, align_source, alignment_mismatch, survey_source

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


def test_faces_are_searched_on_the_named_device_and_those_of_each_device_are_cached_apart(tmp_path, monkeypatch):
    asked = []

    def load(detector, device):
        asked.append(str(device))
        return lambda photos: [[] for _ in photos]

    monkeypatch.setattr(module, "load_face_finder", load)
    monkeypatch.setattr(module, "FaceCache", asked.append)
    monkeypatch.setattr(module, "pick_device", torch.device)
    source = open_source(people(tmp_path, {"a": 1}))
    for device in (None, "cuda"):
        align_source(survey_source(source, Alignment("always", device=device)))
    assert asked == ["mtcnn-1", "cpu", "mtcnn-1 cuda", "cuda"]
