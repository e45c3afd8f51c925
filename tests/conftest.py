"""Fixtures that every test may use."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from chosen_device import forget_device
from filelock import FileLock
from tiny import TINY

from femb_cli.cli.app import run
from femb_cli.data.images.heic import can_read_heic
from femb_cli.runtime.signals import SIGNALS, raise_on_signals

if TYPE_CHECKING:
    from gloo_processes import Processes

# Child processes import test modules by their full names, such as tests.classifier.test_sharded. The path goes to the
# end, so that an installed femb_cli comes before the sources beside the tests.
sys.path.append(str(Path(__file__).parents[1]))

# The workers of pytest-xdist share the cores, and OpenMP's threads keep a core busy while they wait for each other.
# torch reads this when it is imported.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The directory of real data and reference values; the test is skipped where there is none."""
    folder = Path(os.environ.get("FEMB_SHARED", Path(__file__).parents[2] / "shared"))
    if not (folder / "golden").is_dir():
        pytest.skip("needs the shared data: set FEMB_SHARED to its directory")
    return folder


@pytest.fixture(scope="session")
def common(tmp_path_factory) -> Path:
    """A new directory of this test session, which the workers of pytest-xdist share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session", autouse=True)
def _own_cache(common):
    """Give the test session a new cache, and hide the directories that the environment names."""
    os.environ["FEMB_CACHE_DIR"] = str(common / "femb-cache")
    os.environ["FEMB_NO_PROGRESS"] = "1"
    for name in ("FEMB_DATA_DIR", "FEMB_RUNS_DIR", "FEMB_MIRROR", "FEMB_DEBUG"):
        os.environ.pop(name, None)


@pytest.fixture
def quick_figures(monkeypatch):
    """Write the PNG and PDF figures of a report as empty files: drawing them takes most of its time."""
    from matplotlib.figure import Figure

    draw = Figure.savefig

    def save(figure, file, **settings):
        return draw(figure, file, **settings) if Path(file).suffix == ".svg" else Path(file).touch()

    monkeypatch.setattr(Figure, "savefig", save)


@pytest.fixture(autouse=True)
def _own_device():
    """Let each test choose its device and precision: Accelerate keeps the first ones that a process has chosen."""
    if "accelerate" in sys.modules:
        forget_device()


@pytest.fixture
def without_heic(monkeypatch):
    """The package pillow-heif counts as not installed."""
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    can_read_heic.cache_clear()
    yield
    can_read_heic.cache_clear()


@dataclass(frozen=True)
class Result:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str


Femb = Callable[..., Result]


@pytest.fixture
def femb(capfd, tmp_path, monkeypatch) -> Femb:
    """A function that runs `femb` in this process, in an empty directory."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: object) -> Result:
        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Result(code, out, err)

    return command


@pytest.fixture
def handles_signals():
    """Signals end work in this process as they end a command in one of its own."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    raise_on_signals()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def trained(common) -> Path:
    """The directory of a finished run, tiny and trained in seconds."""
    path = common / "trained" / "run"
    with FileLock(common / "trained.lock"):
        if not path.is_dir():
            assert run(["train", *TINY, "--out", str(path), "--quiet"]) == 0
    return path


@pytest.fixture(scope="session")
def trained_onnx(common, trained) -> Path:
    """An ONNX file of that run."""
    pytest.importorskip("onnxruntime")
    file = common / "trained" / "run.onnx"
    with FileLock(common / "trained_onnx.lock"):
        if not file.exists():
            assert run(["export", str(trained), "-o", str(file), "--quiet"]) == 0
    return file


@pytest.fixture(scope="session")
def processes(tmp_path_factory) -> "Iterator[Callable[[int], Processes]]":
    """A function that returns a group of two or three processes; each group starts when a test first asks for it."""
    from gloo_processes import Processes

    started: dict[int, Processes] = {}

    def get(world_size: int) -> Processes:
        if world_size not in started:
            started[world_size] = Processes(world_size, tmp_path_factory.mktemp("processes"))
        return started[world_size]

    yield get
    for group in started.values():
        group.stop()
