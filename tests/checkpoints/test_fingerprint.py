"""What a network answers for the fixed image, and how far from it is too far."""

import base64
from dataclasses import replace

import numpy as np
import pytest
import torch

from femb_cli.backbones import build_configured_backbone
from femb_cli.checkpoints.fingerprint import check_fingerprint, fingerprint, fixed_image
from femb_cli.checkpoints.official import convert_checkpoint
from femb_cli.checkpoints.store import open_checkpoint
from femb_cli.config.schema import IResNetConfig
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.errors import FembError

CONFIG = IResNetConfig("iresnet18", embedding_dim=8, input_size=16, width=0.0625)
PIXELS = Preprocessing(16)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return build_configured_backbone(CONFIG).eval()


def test_the_image_follows_its_formula():
    image = fixed_image(20)
    assert (image.shape, image.dtype) == ((1, 20, 20, 3), torch.uint8)
    for row, column, channel in [(0, 0, 0), (3, 7, 1), (19, 4, 2), (19, 19, 0)]:
        value = (channel + 1) * row**2 + 3 * row * column + 7 * (3 - channel) * column
        assert image[0, row, column, channel] == value // 16 % 256


def test_the_text_is_the_embedding_to_the_last_bit(network):
    with torch.inference_mode():
        expected = network(PIXELS(fixed_image(16)))[0].numpy()
    numbers = np.frombuffer(base64.b64decode(fingerprint(network, PIXELS)), dtype="<f4")
    assert np.array_equal(numbers, expected)


def test_a_network_in_training_answers_as_in_use_and_goes_on_training(network):
    text = fingerprint(network, PIXELS)
    assert fingerprint(network.train(), PIXELS) == text
    assert network.training


def test_a_network_passes_its_own_fingerprint(network):
    check_fingerprint(network, PIXELS, fingerprint(network, PIXELS), "here")


@pytest.mark.parametrize("factor, passes", [(1 + 1e-5, True), (1 + 1e-3, False), (float("nan"), False)])
def test_rounding_passes_and_changes_do_not(network, factor, passes):
    text = fingerprint(network, PIXELS)
    with torch.no_grad():
        network.features.weight.mul_(factor)
    if passes:
        check_fingerprint(network, PIXELS, text, "here")
    else:
        with pytest.raises(FembError, match="here does not match .* off by"):
            check_fingerprint(network, PIXELS, text, "here")


@pytest.mark.parametrize("text", ["", "&&&", "AAAA", base64.b64encode(bytes(4)).decode()])
def test_a_text_that_is_no_fingerprint_of_this_network_is_refused(network, text):
    with pytest.raises(FembError, match=r"here .*fingerprint"):
        check_fingerprint(network, PIXELS, text, "here")


@pytest.mark.parametrize(
    "change",
    [
        {"channel_order": "BGR"},
        {"mean": (0.0,) * 3, "std": (1.0,) * 3},
        {"mean": (127.5 / 255,) * 3, "std": (128 / 255,) * 3},
    ],
)
def test_other_pixels_than_a_trained_network_expects_are_noticed(trained_checkpoint, change):
    card = trained_checkpoint.card
    with pytest.raises(FembError, match="does not match its fingerprint"):
        check_fingerprint(
            trained_checkpoint.load_backbone(), replace(card.preprocessing, **change), card.fingerprint, "here"
        )


def test_another_epsilon_than_a_trained_network_was_trained_with_is_noticed(trained_checkpoint):
    backbone = trained_checkpoint.load_backbone()
    for module in backbone.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = 2e-5
    with pytest.raises(FembError, match="does not match its fingerprint"):
        check_fingerprint(backbone, trained_checkpoint.card.preprocessing, trained_checkpoint.card.fingerprint, "here")


@pytest.fixture(scope="module")
def trained_checkpoint(shared, tmp_path_factory):
    """foamliu's weights, the one really trained network at hand."""
    file = shared / "data/weights/mobilefacenet_foamliu.pt"
    if not file.is_file():
        pytest.skip(f"needs {file.name} among the shared data")
    path = tmp_path_factory.mktemp("converted") / "foamliu"
    convert_checkpoint(file, path)
    return open_checkpoint(path)
