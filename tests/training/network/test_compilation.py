"""A compiled network computes what the network computes."""

import copy
import shutil

import pytest
import torch
from people import make_job, write_people
from safetensors.torch import load_file

from femb_cli.backbones import build_configured_backbone
from femb_cli.backbones.dropout import seed_draws
from femb_cli.config.schema import IResNetConfig, ScheduleConfig
from femb_cli.errors import FembError
from femb_cli.training import loop
from femb_cli.training.loop import train
from femb_cli.training.network.compilation import compile_network

NETWORK = IResNetConfig("iresnet18", embedding_dim=8, input_size=16, width=0.125, dropout=0.3)
needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs g++ here")


def weights_of(run):
    return (run / "checkpoints/step-000004/model.safetensors").read_bytes()


@pytest.mark.slow
@needs_compiler
def test_outputs_gradients_and_statistics_are_those_of_the_network():
    torch.manual_seed(0)
    plain = build_configured_backbone(NETWORK).double()
    other = copy.deepcopy(plain)
    compute = compile_network(other)
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


@pytest.mark.slow
@needs_compiler
def test_two_equal_compiled_runs_are_equal_files(tmp_path):
    people = write_people(tmp_path / "people")
    for name in ("a", "b"):
        train(make_job(tmp_path / name, people, compile=True), [])
    assert weights_of(tmp_path / "a") == weights_of(tmp_path / "b")


@pytest.mark.slow
def test_a_compiled_run_has_the_tensors_of_a_plain_one_and_can_be_resumed(tmp_path, monkeypatch):
    """Traced only, as torch's `aot_eager` does: this takes no compiler, and no minute."""
    compiled, original = [], torch.compile

    def trace(network, **options):
        compiled.append(network)
        return original(network, backend="aot_eager", **options)

    monkeypatch.setattr(torch, "compile", trace)
    people, same = write_people(tmp_path / "people"), {"schedule": ScheduleConfig(name="constant")}
    train(make_job(tmp_path / "plain", people, compile=False, **same), [])
    train(make_job(tmp_path / "compiled", people, compile=True, **same), [])
    train(make_job(tmp_path / "resumed", people, compile=True, steps=2, **same), [])
    train(make_job(tmp_path / "resumed", people, compile=True, resumed=True, **same), [])
    assert len(compiled) == 3
    plain, traced, resumed = (
        load_file(tmp_path / name / "checkpoints/step-000004/model.safetensors")
        for name in ("plain", "compiled", "resumed")
    )
    assert list(traced) == list(plain)
    for name, expected in plain.items():
        torch.testing.assert_close(traced[name], expected, rtol=1e-4, atol=1e-5, msg=name)
        assert torch.equal(resumed[name], traced[name])


def test_the_loop_compiles_as_the_configuration_says(tmp_path, monkeypatch):
    compiled = []
    monkeypatch.setattr(loop, "compile_network", lambda network: compiled.append(network) or network)
    people = write_people(tmp_path / "people")
    for name, compiles in (("default", None), ("off", False), ("on", True)):
        train(make_job(tmp_path / name, people, compile=compiles), [])
    assert len(compiled) == 1


def test_a_machine_that_cannot_compile_says_so_and_how_to_go_on(monkeypatch):
    def broken(*_):
        raise RuntimeError("no compiler\nand much more")

    original = torch.compile
    monkeypatch.setattr(torch, "compile", lambda network, **options: original(network, backend=broken, **options))
    with pytest.raises(FembError) as caught:
        compile_network(torch.nn.Linear(2, 2))(torch.zeros(1, 2))
    assert "cannot compile the backbone" in caught.value.message
    assert "compile=false" in caught.value.hint
