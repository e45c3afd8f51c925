"""When a run compiles its backbone."""

from dataclasses import replace

import pytest

from femb_cli.config.schema import TrainConfig
from femb_cli.training.planning import compile_plan
from femb_cli.training.planning.compile_plan import LONG_RUN, choose_compilation
from femb_cli.training.planning.plan import Plan
from femb_cli.training.planning.softmax_plan import SoftmaxPlan

CONFIG = TrainConfig()


def choose(config=CONFIG, steps=LONG_RUN, device="cpu", resumed=False):
    """What is chosen, and the lines said."""
    lines = []
    plan = Plan(1000, 10, 10, 1, 100, steps, SoftmaxPlan(None, 1.0, False, ""))
    chosen = choose_compilation(config, plan, device, resumed=resumed, say=lines.append)
    assert replace(chosen, compile=config.compile) == config
    return chosen.compile, lines


@pytest.fixture(autouse=True)
def compiler(tmp_path, monkeypatch):
    """A C++ compiler, which the machine may lack."""
    path = tmp_path / "g++"
    path.touch(mode=0o755)
    monkeypatch.setenv("CXX", str(path))
    return path


def test_a_long_run_compiles_and_says_how_to_do_without():
    compiles, (line,) = choose()
    assert compiles is True
    assert "2,000 steps" in line
    assert "--set compile=false" in line
    assert choose(steps=LONG_RUN - 1) == (False, [])


def test_a_setting_decides(monkeypatch):
    monkeypatch.setattr(compile_plan, "can_compile", lambda _: pytest.fail("nothing has to be known"))
    assert choose(replace(CONFIG, compile=True), steps=1) == (True, [])
    assert choose(replace(CONFIG, compile=False)) == (False, [])


def test_a_resumed_run_computes_as_before():
    assert choose(resumed=True) == (None, [])


@pytest.mark.parametrize("setting", [{"recompute_activations": True}, {"sync_batch_norm": True}, {"precision": "fp64"}])
def test_what_is_at_odds_with_compiling(setting):
    assert choose(replace(CONFIG, **setting)) == (False, [])


def test_a_machine_without_a_compiler_does_not(compiler):
    compiler.unlink()
    assert choose() == (False, [])
