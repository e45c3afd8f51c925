"""Runs with a compiled backbone are those without."""

import shutil

import pytest
import torch
from people import make_job, write_people
from safetensors.torch import load_file

from femb_cli.config.schema import ScheduleConfig
from femb_cli.training import loop
from femb_cli.training.loop import train

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs g++ here")


def weights_of(run):
    return (run / "checkpoints/step-000004/model.safetensors").read_bytes()


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
    monkeypatch.setattr(loop, "compile_network", lambda network, **_: compiled.append(network) or network)
    people = write_people(tmp_path / "people")
    for name, compiles in (("default", None), ("off", False), ("on", True)):
        train(make_job(tmp_path / name, people, compile=compiles), [])
    assert len(compiled) == 1
