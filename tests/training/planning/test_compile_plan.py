"""When a run compiles its backbone."""

from dataclasses import replace

import pytest

from femb_cli.config.load import load_config
from femb_cli.config.schema import IResNetConfig, TrainConfig
from femb_cli.training.planning import compile_plan
from femb_cli.training.planning.compile_plan import FEWEST_STEPS, choose_compilation
from femb_cli.training.planning.plan import Plan
from femb_cli.training.planning.softmax_plan import SoftmaxPlan

CONFIG = TrainConfig(backbone=IResNetConfig("iresnet18"))  # 16 GFLOP for an image
LONG = 10_000
"""With 128 images a step, 2e16 operations, 3 days on two cores."""


def choose(config=CONFIG, steps=LONG, device="cpu", resumed=False):
    """What is chosen, and the lines said."""
    lines = []
    plan = Plan(1000, 10, 128, 1, 100, steps, SoftmaxPlan(None, 1.0, False, ""))
    chosen = choose_compilation(config, plan, device, resumed=resumed, say=lines.append)
    assert replace(chosen, compile=config.compile) == config
    return chosen.compile, lines


@pytest.fixture(autouse=True)
def compiler(tmp_path, monkeypatch):
    """A C++ compiler, which the machine may lack."""
    path = tmp_path / "g++"
    path.touch(mode=0o755)
    monkeypatch.setenv("CXX", str(path))
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    return path


def test_a_long_run_compiles_and_says_how_to_do_without():
    compiles, (line,) = choose()
    assert compiles is True
    assert "--set compile=false" in line
    assert choose(steps=FEWEST_STEPS - 1) == (False, [])


def test_many_steps_of_a_toy_are_not_long():
    toy = replace(CONFIG, backbone=IResNetConfig("iresnet18", width=0.125, input_size=32))
    assert choose(toy, steps=10_000) == (False, [])


def test_the_recipe_for_two_cores_is_long():
    """It trains for 26 minutes."""
    recipe = load_config("lfw_view1")
    assert choose(recipe, steps=round(60 * 9525 / 128))[0] is True


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
