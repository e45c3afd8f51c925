"""The threshold that the model of stored embeddings states."""

from dataclasses import replace

import pytest
import torch
from stored_embeddings import describe
from thresholds import threshold

from femb_cli.backbones import build_configured_backbone
from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.store import open_checkpoint, save_checkpoint
from femb_cli.config.schema import IResNetConfig
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.inference.stored_threshold import stored_threshold

SMALL = IResNetConfig("iresnet18", embedding_dim=8, input_size=16, width=0.0625)


@pytest.fixture
def description(tmp_path):
    """A function: the thresholds of a model to the description of its embeddings."""

    def with_thresholds(*thresholds):
        card = ModelCard(SMALL, Preprocessing(16), thresholds=thresholds)
        torch.manual_seed(0)
        save_checkpoint(tmp_path / "model", build_configured_backbone(SMALL), card)
        fingerprint = open_checkpoint(tmp_path / "model").card.fingerprint
        return describe([[1.0]], ["a"], model=str(tmp_path / "model"), fingerprint=fingerprint)

    return with_thresholds


def test_the_threshold_of_the_lowest_fmr_counts(description):
    assert stored_threshold(description(threshold(1e-2, 0.2), threshold(1e-3, 0.3))).cosine == 0.3


def test_a_model_that_states_none_is_no_error(description):
    assert stored_threshold(description()) is None
    assert stored_threshold(None) is None
    assert stored_threshold(describe([[1.0]], ["a"], model="nowhere")) is None


def test_another_network_of_that_name_is_not_believed(description):
    known = description(threshold())
    assert stored_threshold(known) is not None
    assert stored_threshold(replace(known, fingerprint="another")) is None
