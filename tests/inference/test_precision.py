"""Networks in another precision embed as they do in float32."""

import pytest
import torch
from random_networks import realistic_network

from femb_cli.config.schema import IResNetConfig
from femb_cli.inference import precision
from femb_cli.inference.precision import LEAST_COSINE, fastest_precision, in_fastest_precision, least_cosine

CONFIG = IResNetConfig("iresnet18", embedding_dim=32, input_size=32, width=0.5)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def network():
    return realistic_network(CONFIG)


@pytest.fixture
def images():
    return torch.rand(24, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.fixture
def units(monkeypatch):
    """A CPU that says it has units for bfloat16; torch emulates them."""
    monkeypatch.setattr(precision, "has_bfloat16", lambda device: True)


def types_of(network):
    return {parameter.dtype for parameter in network.parameters()}


@torch.inference_mode()
def test_wide_layers_in_bfloat16_keep_every_embedding(network, images, units):
    fast, chosen = in_fastest_precision(network, images[:4])
    assert chosen == "bfloat16"
    assert types_of(fast) == {torch.bfloat16, torch.float32}
    assert types_of(network) == {torch.float32}
    found, exact = fast(images), network(images)
    assert found.dtype == torch.float32
    assert not torch.equal(found, exact)
    assert least_cosine(found, exact) >= LEAST_COSINE


@torch.inference_mode()
def test_an_embedding_does_not_depend_on_its_batch(network, images, units):
    fast, _ = in_fastest_precision(network, images[:4])
    alone = torch.cat([fast(image[None]) for image in images[:3]])
    assert least_cosine(alone, fast(images)[:3]) >= 0.99999


@torch.inference_mode()
def test_a_network_that_loses_more_keeps_wider_layers_only_or_none(network, images, units, monkeypatch):
    def num_reduced(least):
        monkeypatch.setattr(precision, "LEAST_COSINE_OF_SAMPLES", least)
        fast, chosen = in_fastest_precision(network, images[:4])
        return sum(parameter.dtype == torch.bfloat16 for parameter in fast.parameters()), chosen

    exact = network(images[:4])
    cosines = [least_cosine(candidate(images[:4]), exact) for candidate in precision._candidates(network, "bfloat16")]
    assert cosines[0] < cosines[1] < 1
    (all_wide, _), (few, name) = num_reduced(cosines[0]), num_reduced(cosines[1])
    assert (all_wide > few > 0, name) == (True, "bfloat16")
    assert num_reduced(1.01) == (0, "float32")


@torch.inference_mode()
def test_float16_keeps_every_embedding_and_its_overflow_is_noticed(network, images, monkeypatch):
    monkeypatch.setattr(precision, "fastest_precision", lambda device: "float16")
    fast, chosen = in_fastest_precision(network, images[:4])
    assert chosen == "float16"
    assert least_cosine(fast(images), network(images)) >= LEAST_COSINE
    large = realistic_network(CONFIG)
    large.bn1.bias.fill_(1e6)  # beyond 65,504
    assert in_fastest_precision(large, images[:4]) == (large, "float32")


def test_a_device_without_units_computes_in_float32(monkeypatch):
    monkeypatch.setattr(precision, "has_bfloat16", lambda device: False)
    assert fastest_precision(CPU) == "float32"
    for capability, expected in (((6, 1), "float32"), ((7, 0), "float16"), ((9, 0), "float16")):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device, value=capability: value)
        assert fastest_precision(torch.device("cuda")) == expected
