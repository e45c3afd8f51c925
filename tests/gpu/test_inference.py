"""Embedding on a GPU: the CPU's embeddings."""

import numpy as np
import pytest
import torch
from chosen_device import DEVICE, forget_device
from people import open_people_pairs

from femb_cli.backbones import build_configured_backbone
from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.store import save_checkpoint
from femb_cli.config.schema import IResNetConfig, MobileFaceNetConfig, ViTConfig
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.data.open import open_source
from femb_cli.inference import load_embedder
from femb_cli.inference.embed import embed_source
from femb_cli.inference.verify import verify

pytestmark = pytest.mark.gpu

PIXELS = Preprocessing(112, "BGR", mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6))
NETWORKS = [IResNetConfig("iresnet18", width=0.5), MobileFaceNetConfig(), ViTConfig()]


@pytest.fixture(scope="module", params=NETWORKS, ids=lambda config: config.name)
def checkpoint(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "checkpoint"
    torch.manual_seed(0)
    save_checkpoint(path, build_configured_backbone(request.param), ModelCard(request.param, PIXELS))
    return path


def embedder_on(device, checkpoint):
    forget_device()
    embedder = load_embedder(checkpoint, None if device == "cuda" else device)
    assert embedder.device.type == device
    return embedder


def assert_close(found_ND, expected_ND):
    np.testing.assert_allclose(found_ND, expected_ND, rtol=0, atol=1e-4 * np.abs(expected_ND).max())


def test_fast_embeddings_keep_the_cosine_to_the_exact_ones(checkpoint):
    forget_device()
    fast, exact = (load_embedder(checkpoint, DEVICE, exact=exact) for exact in (False, True))
    images_BHW3 = np.random.default_rng(0).integers(0, 256, (40, 112, 112, 3), dtype=np.uint8)
    found_BD, expected_BD = fast(images_BHW3), exact(images_BHW3)
    lengths_B = np.linalg.norm(found_BD, axis=1) * np.linalg.norm(expected_BD, axis=1)
    assert ((found_BD * expected_BD).sum(axis=1) / lengths_B).min() >= 0.9998


@pytest.mark.parametrize("size, flip", [(112, False), (80, True)])
def test_embeddings_are_those_of_the_cpu(checkpoint, size, flip):
    images_BHW3 = np.random.default_rng(0).integers(0, 256, (5, size, size, 3), dtype=np.uint8)
    expected_BD, found_BD = (embedder_on(device, checkpoint)(images_BHW3, flip=flip) for device in ("cpu", DEVICE))
    assert_close(found_BD, expected_BD)


def test_the_embeddings_of_a_source_and_its_verification_are_those_of_the_cpu(checkpoint, people, tmp_path):
    pairs = open_people_pairs(tmp_path / "pairs.csv", people)
    rows, aucs = [], []
    for device in ("cpu", DEVICE):
        embedder = embedder_on(device, checkpoint)
        rows.append(embed_source(embedder, open_source(people), batch_size=7).rows_ND)
        aucs.append(verify(embedder, pairs).to_json()["auc"])
    assert_close(rows[1], rows[0])
    assert aucs[1] == pytest.approx(aucs[0], abs=0.03)
