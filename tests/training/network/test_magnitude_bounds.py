"""MagFace's bounds beside the magnitudes of a network that is trained further."""

import numpy as np
import pytest
import torch
from people import NETWORK, make_job, write_people

from femb_cli.backbones import build_configured_backbone
from femb_cli.config.schema import MagFaceConfig
from femb_cli.training.build import build_card, training_images
from femb_cli.training.network.magnitude_bounds import check_bounds, measure_magnitudes, propose


@pytest.fixture
def network(tmp_path):
    """A network, its card and the images of its training."""
    job = make_job(tmp_path / "run", write_people(tmp_path / "people"))
    return build_configured_backbone(NETWORK), build_card(job.config, 6), training_images(job)


def test_the_magnitudes_are_those_of_the_embeddings(network):
    backbone, card, images = network
    magnitudes = measure_magnitudes(*network)
    assert (len(magnitudes), backbone.training) == (18, True)
    pixels = np.empty((18, images.size, images.size, 3), np.uint8)
    images.decode(np.arange(18), pixels)
    embeddings = backbone.eval()(card.preprocessing(torch.from_numpy(pixels))).detach()
    np.testing.assert_allclose(magnitudes, embeddings.norm(dim=1), rtol=1e-5)


@pytest.mark.parametrize("fits", [True, False])
def test_bounds_that_do_not_fit_are_named_with_others(network, caplog, fits):
    magnitudes = measure_magnitudes(*network)
    low = magnitudes.min() * (0.5 if fits else 50)
    with caplog.at_level("WARNING", logger="femb"):
        check_bounds(MagFaceConfig(l_a=low, u_a=low * 11, lambda_g=1e9), *network)
    assert len(caplog.messages) == (not fits)
    assert all("--set header.l_a=" in message for message in caplog.messages)


def test_the_proposal_scales_the_published_bounds():
    """lambda_g grows with the magnitudes squared over their range: ten times smaller ones need a tenth of it."""
    assert propose(MagFaceConfig(), 10.0) == "--set header.l_a=10 --set header.u_a=110 --set header.lambda_g=35"
    assert propose(MagFaceConfig(), 1.0) == "--set header.l_a=1 --set header.u_a=11 --set header.lambda_g=3.5"
