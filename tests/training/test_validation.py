"""Verification during training."""

import pytest
import torch
from people import NETWORK, open_people_pairs, write_people

from femb_cli.backbones import build_configured_backbone
from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.store import save_checkpoint
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.inference import load_embedder
from femb_cli.inference.verify import verify
from femb_cli.training.validation import validate


@pytest.mark.parametrize("pixels", [Preprocessing(16), Preprocessing(16, "BGR", (0.4, 0.5, 0.6), (1.0, 0.5, 0.25))])
def test_the_metrics_are_those_of_the_network_once_it_is_saved(tmp_path, pixels):
    torch.manual_seed(0)
    backbone = build_configured_backbone(NETWORK).to(memory_format=torch.channels_last).train()
    card = ModelCard(NETWORK, pixels)
    benchmark = open_people_pairs(tmp_path / "pairs.csv", write_people(tmp_path / "people"))
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    (result,) = validate(backbone, card, tmp_path / "run", [benchmark])
    assert all(torch.equal(tensor, before[name]) for name, tensor in backbone.state_dict().items())
    assert backbone.training

    save_checkpoint(tmp_path / "saved", backbone, card)
    expected = verify(load_embedder(tmp_path / "saved", "cpu"), benchmark).to_json()
    assert result["model"] == str(tmp_path / "run")
    assert {**result, "model": ""} == {**expected, "model": ""}


def test_no_benchmarks_have_no_metrics(tmp_path):
    backbone = build_configured_backbone(NETWORK)
    assert validate(backbone, ModelCard(NETWORK, Preprocessing(16)), tmp_path, []) == []
