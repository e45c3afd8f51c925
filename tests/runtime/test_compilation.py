"""A compiled network computes what the network computes."""

import copy
import shutil

import pytest
import torch

from femb_cli.backbones import build_configured_backbone
from femb_cli.backbones.dropout import seed_draws
from femb_cli.config.schema import IResNetConfig
from femb_cli.errors import FembError
from femb_cli.runtime.compilation import compile_network

NETWORK = IResNetConfig("iresnet18", embedding_dim=8, input_size=16, width=0.125, dropout=0.3)
needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs g++ here")


@pytest.mark.slow
@needs_compiler
def test_outputs_gradients_and_statistics_are_those_of_the_network():
    torch.manual_seed(0)
    plain = build_configured_backbone(NETWORK).double()
    other = copy.deepcopy(plain)
    compute = compile_network(other, without="")
    for step in range(3):  # the random choices of each step differ
        images = torch.randn(6, 3, 16, 16).double()
        results = []
        for network, call in ((plain, plain), (other, compute)):
            seed_draws(network, step, torch.arange(6))
            embeddings = call(images)
            embeddings.square().mean().backward()
            results.append(embeddings.detach())
        torch.testing.assert_close(results[1], results[0], rtol=1e-9, atol=1e-9)
    for (name, expected), found in zip(plain.named_parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(found.grad, expected.grad, rtol=1e-8, atol=1e-9, msg=name)
    for (name, expected), found in zip(plain.named_buffers(), other.buffers(), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9, msg=name)


def test_a_machine_that_cannot_compile_says_so_and_how_to_go_on(monkeypatch):
    def broken(*_):
        raise RuntimeError("no compiler\nand much more")

    original = torch.compile
    monkeypatch.setattr(torch, "compile", lambda network, **options: original(network, backend=broken, **options))
    with pytest.raises(FembError) as caught:
        compile_network(torch.nn.Linear(2, 2), without="--set compile=false trains without")(torch.zeros(1, 2))
    assert "cannot compile the backbone" in caught.value.message
    assert "compile=false" in caught.value.hint
