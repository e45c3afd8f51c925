"""Every file operation of every command fails, or kills the process: the old result stays or the new one is whole."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from failing_disk.commands import COMMANDS

HELPERS = Path(__file__).parents[1] / "helpers"


@pytest.fixture(scope="session")
def failing_disk(tmp_path_factory):
    """The compiled file layer."""
    compiler = shutil.which("cc")
    if sys.platform != "linux" or compiler is None:
        pytest.skip("needs Linux and a C compiler")
    library = tmp_path_factory.mktemp("failing_disk") / "failing_disk.so"
    source = HELPERS / "failing_disk/failing_disk.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-Wall", "-o", library, source, "-ldl"], check=True)
    return library


def trials_of(library, place, **every):
    """Try every so many operations of some commands."""
    environment = {
        **os.environ,
        "LD_PRELOAD": str(library),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(HELPERS), *sys.path]),
    }
    wanted = [f"{name.replace('_', '-')}={number}" for name, number in every.items()]
    command = [sys.executable, HELPERS / "failing_disk/trial.py", place, *wanted]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_some_operations_of_some_commands(failing_disk, tmp_path):
    found = trials_of(failing_disk, tmp_path, convert_overwrite=54, convert_checkpoint_overwrite=30)
    assert {name: trials["problems"] for name, trials in found.items()} == {name: [] for name in found}
    assert all(trials["operations"] >= 5 for trials in found.values())


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_every_operation_of_a_command(failing_disk, tmp_path, command):
    found = trials_of(failing_disk, tmp_path, **{command: 1})[command]
    print(f"{command}: {found['operations']} operations, {found['trials']} trials, {len(found['problems'])} problems")
    assert found["problems"] == []
