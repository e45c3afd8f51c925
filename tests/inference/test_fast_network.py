"""A fast network: exact up to its promise, compiled in long jobs, for one size of batch."""

import logging
import shutil

import numpy as np
import pytest
import torch
from random_networks import realistic_network

from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.store import save_checkpoint
from femb_cli.config.schema import IResNetConfig
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.errors import FembError
from femb_cli.inference import fast_network, load_embedder, precision
from femb_cli.inference.fast_network import FastNetwork
from femb_cli.inference.model_digest import model_digest

CONFIG = IResNetConfig("iresnet18", embedding_dim=32, input_size=32, width=0.5)
CARD = ModelCard(CONFIG, Preprocessing(32))
CPU = torch.device("cpu")
LONG, SHORT = 10**9, 10_000


@pytest.fixture(scope="module")
def network():
    return realistic_network(CONFIG)


@pytest.fixture
def images():
    return torch.rand(10, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.fixture
def lines(monkeypatch):
    said = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    monkeypatch.setattr(fast_network.logger, "handlers", [handler])
    monkeypatch.setattr(fast_network.logger, "level", logging.INFO)
    return said


@pytest.fixture
def no_units(monkeypatch):
    monkeypatch.setattr(precision, "has_bfloat16", lambda device: False)


@pytest.fixture
def shapes(monkeypatch, no_units):
    """The shapes that a network is compiled for; it is not compiled."""
    seen = []
    monkeypatch.setattr(fast_network, "can_compile", lambda device: True)
    monkeypatch.setattr(
        fast_network,
        "compile_network",
        lambda network, **_: lambda images: seen.append((tuple(images.shape), images.stride())) or network(images),
    )
    return seen


@torch.inference_mode()
def test_a_short_job_is_not_compiled_and_gives_the_exact_embeddings(network, images, shapes, lines):
    fast = FastNetwork(network, CARD, CPU)
    fast.expect(SHORT, 4)
    assert torch.equal(fast(images), network(images))
    assert (shapes, lines, fast.precision) == ([], [], "float32")


@torch.inference_mode()
def test_a_long_job_is_compiled_for_one_size_of_batch_and_says_so(network, images, shapes, lines):
    fast = FastNetwork(network, CARD, CPU)
    fast.expect(LONG, 4)
    found = torch.cat([fast(images[:4]), fast(images[4:6]), fast(images[6:])])
    torch.testing.assert_close(found, network(images), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(fast(images), found, rtol=1e-4, atol=1e-4)  # more than a batch
    assert set(shapes) == {((4, 3, 32, 32), (3072, 1, 96, 3))}
    assert [("1,000,000,000 images" in line, "--exact" in line) for line in lines] == [(True, True)]


def test_of_few_images_nothing_is_estimated(network, shapes, monkeypatch):
    monkeypatch.setattr(fast_network, "operations_to_embed", lambda config: pytest.fail("this takes seconds"))
    FastNetwork(network, CARD, CPU).expect(999, 4)


def test_a_machine_without_a_compiler_does_without(network, shapes, monkeypatch, lines):
    monkeypatch.setattr(fast_network, "can_compile", lambda device: False)
    FastNetwork(network, CARD, CPU).expect(LONG, 4)
    assert lines == []


@torch.inference_mode()
def test_what_cannot_be_compiled_is_embedded_all_the_same(network, images, shapes, monkeypatch, lines):
    def fail(_):
        raise FembError("torch cannot compile the backbone here: no headers")

    monkeypatch.setattr(fast_network, "compile_network", lambda network, **_: fail)
    fast = FastNetwork(network, CARD, CPU)
    fast.expect(LONG, 4)
    assert torch.equal(fast(images), network(images))
    assert "no headers" in lines[-1]


@torch.inference_mode()
def test_a_network_that_is_compiled_wrongly_is_refused(network, images, shapes, monkeypatch):
    monkeypatch.setattr(fast_network, "compile_network", lambda network, **_: lambda images: network(images.flip(2)))
    fast = FastNetwork(network, CARD, CPU)
    fast.expect(LONG, 4)
    with pytest.raises(FembError, match="differ from the exact ones") as caught:
        fast(images)
    assert "--exact" in str(caught.value.hint)


def test_bfloat16_is_said_and_changes_neither_the_model_nor_its_convention(network, tmp_path, monkeypatch, lines):
    monkeypatch.setattr(precision, "has_bfloat16", lambda device: True)
    save_checkpoint(tmp_path / "saved", network, CARD)
    fast, exact = (load_embedder(tmp_path / "saved", "cpu", exact=exact) for exact in (False, True))
    assert (fast.computation, exact.computation) == ("bfloat16", "exact")
    assert len(lines) == 1 and "bfloat16" in lines[0]
    assert model_digest(fast) == model_digest(exact)
    pixels = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    rows = [embedder(pixels, flip=True) for embedder in (fast, exact)]
    cosines = (rows[0] * rows[1]).sum(1) / np.linalg.norm(rows[0], axis=1) / np.linalg.norm(rows[1], axis=1)
    assert 0.9998 <= cosines.min() < 1


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs g++ here")
@pytest.mark.parametrize("has_units", [False, True])
@torch.inference_mode()
def test_a_compiled_network_embeds_as_a_plain_one(network, images, monkeypatch, has_units):
    torch._dynamo.reset()  # the other case has compiled the same code for other weights
    monkeypatch.setattr(precision, "has_bfloat16", lambda device: has_units)
    fast = FastNetwork(network, CARD, CPU)
    fast.expect(LONG, 4)
    with torch._dynamo.config.patch(error_on_recompile=True):
        found = torch.cat([fast(images[:4]), fast(images[4:6]), fast(images[6:])])
    assert fast._compiled is not None
    assert precision.least_cosine(found, network(images)) >= (0.9998 if has_units else 0.999999)
