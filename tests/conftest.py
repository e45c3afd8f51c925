"""Fixtures that every test may use."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tiny import TINY

from femb_cli.cli.app import run


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and golden figures, or a skip where there is none."""
    folder = Path(os.environ.get("FEMB_SHARED", Path(__file__).parents[2] / "shared"))
    if not (folder / "golden").is_dir():
        pytest.skip("needs the shared data: set FEMB_SHARED to its folder")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """A cache of the test session's own, and no one else's folders."""
    os.environ["FEMB_CACHE_DIR"] = str(tmp_path_factory.mktemp("cache"))
    os.environ["FEMB_NO_PROGRESS"] = "1"
    for name in ("FEMB_DATA_DIR", "FEMB_RUNS_DIR", "FEMB_MIRROR", "FEMB_DEBUG"):
        os.environ.pop(name, None)


@dataclass(frozen=True)
class Result:
    """What a command said."""

    code: int
    out: str
    err: str


Femb = Callable[..., Result]


@pytest.fixture
def femb(capfd, tmp_path, monkeypatch) -> Femb:
    """Run `femb` in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: object) -> Result:
        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Result(code, out, err)

    return command


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    """A finished tiny run."""
    path = tmp_path_factory.mktemp("trained") / "run"
    assert run(["train", *TINY, "--out", str(path), "--quiet"]) == 0
    return path
