"""Which process this is: by the process group where one is joined, else by the launcher's environment."""

import os
import subprocess
import sys

import pytest

from femb_cli.runtime.ranks import has_joined_group, inside_launcher, is_main_process, rank, world_size

VARIABLES = ("LOCAL_RANK", "RANK", "WORLD_SIZE")


@pytest.fixture(autouse=True)
def _no_launcher(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_a_process_alone_is_the_main_one():
    assert (rank(), world_size(), is_main_process()) == (0, 1, True)
    assert not inside_launcher()
    assert not has_joined_group()


def test_before_a_process_joins_the_launcher_says_who_it_is(monkeypatch):
    for name, value in zip(VARIABLES, ("1", "3", "4"), strict=True):
        monkeypatch.setenv(name, value)
    assert (rank(), world_size(), is_main_process()) == (3, 4, False)
    assert inside_launcher()
    assert not has_joined_group()


def who_am_i(environment):
    os.environ.update(environment)
    try:
        return rank(), world_size(), is_main_process(), has_joined_group()
    finally:
        for name in environment:
            del os.environ[name]


@pytest.mark.parametrize("environment", [{}, {"RANK": "5", "WORLD_SIZE": "9"}], ids=["alone", "under a launcher"])
def test_the_process_group_says_it_where_one_is_joined(processes, environment):
    assert processes(2).run(who_am_i, environment) == [(0, 2, True, True), (1, 2, False, True)]


def test_asking_does_not_load_torch():
    code = "from femb_cli.runtime.ranks import rank, world_size; rank(), world_size(); import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "femb_cli.runtime.ranks" in done.stdout.split()
    assert "torch" not in done.stdout.split()
