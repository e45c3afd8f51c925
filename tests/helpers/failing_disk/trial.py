"""Run a command of femb once for each of its file operations, and let that operation fail or kill the process.

    LD_PRELOAD=failing_disk.so python trial.py DIRECTORY COMMAND=EVERY...

tries every so many operations of each command, and prints a JSON object by command: how many operations there are, how
many trials were made, and every broken promise. After each trial a reader must see the old result or the new one, the
error must be one line that names the output, and the command that goes on must end with the same result as an
undisturbed one and leave nothing behind.

femb and its libraries are imported once; every trial runs in a fork of this process.
"""

import ctypes
import errno
import gc
import importlib
import json
import os
import pkgutil
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from failing_disk.commands import COMMANDS, Command

WAYS = {"disk full": (errno.ENOSPC, True), "i/o error": (errno.EIO, False), "killed": (0, False)}
"""How an operation fails: an error number (0: the process is killed), and whether all later ones fail, too."""

LIBRARY = ctypes.CDLL(None)


def main() -> None:
    """Try the commands and print what was found."""
    directory, wanted = Path(sys.argv[1]).resolve(), [argument.split("=") for argument in sys.argv[2:]]
    import_everything()
    found = {name: Trials(COMMANDS[name], directory / name).run(int(every)) for name, every in wanted}
    print(json.dumps(found, indent=1))


def import_everything() -> None:
    """Import femb's modules and the libraries that they import in functions, so that each fork is fast."""
    import femb_cli

    for module in pkgutil.walk_packages(femb_cli.__path__, "femb_cli."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in ("pyarrow.parquet", "torch.utils.tensorboard", "matplotlib.figure", "jinja2"):
        importlib.import_module(name)
    gc.freeze()  # a collection in a fork would copy the memory of all these objects


class Trials:
    """The trials of one command, in a directory that is set up anew for each of them.

    Attributes:
        problems: every broken promise, one sentence each.
    """

    def __init__(self, command: Command, directory: Path) -> None:
        self.command, self.directory = command, directory
        self.prepared, self.place = directory / "prepared", directory / "place"
        self.problems: list[str] = []

    def run(self, every: int) -> dict[str, Any]:
        """Try every N-th operation in each way, and return the counts and the problems."""
        os.environ.update(FEMB_NO_PROGRESS="1", OMP_NUM_THREADS="1", FEMB_CACHE_DIR=str(self.directory / "cache"))
        self.prepared.mkdir(parents=True)
        in_fork(lambda: self.command.prepare(self.prepared), self.prepared)
        self.set_up()
        self.old = self.look()
        operations = self.count()
        self.new = self.look()
        assert self.old != self.new, "the command must change something"
        trials = 0
        for number in range(1, len(operations) + 1, every):
            for way in WAYS:
                self.try_once(number, way, operations[number - 1])
                trials += 1
        return {"operations": len(operations), "trials": trials, "problems": self.problems}

    def set_up(self) -> None:
        """Put the prepared files in place."""
        shutil.rmtree(self.place, ignore_errors=True)
        shutil.copytree(self.prepared, self.place, symlinks=True)

    def count(self) -> list[str]:
        """Run the command undisturbed, and return its operations."""

        def counted() -> list[str]:
            watch(self.place, 0, "killed")
            code = run_femb(self.command.arguments)
            LIBRARY.failing_disk_operation.restype = ctypes.c_char_p
            seen = LIBRARY.failing_disk_seen()
            assert code == 0, f"the undisturbed command ends with {code}"
            return [LIBRARY.failing_disk_operation(number).decode() for number in range(1, seen + 1)]

        return in_fork(counted, self.place)[1]

    def try_once(self, number: int, way: str, operation: str) -> None:
        """Let one operation fail, look, go on, and look again."""
        self.set_up()

        def disturbed() -> int:
            watch(self.place, number, way)
            return run_femb(self.command.arguments)

        where = f"{way} at operation {number}, {operation}"
        code, error = self.run_disturbed(disturbed)
        seen = self.look()
        if not (seen in (self.old, self.new) or seen in self.command.also_allowed):
            self.problems.append(f"{where}: neither the old nor the new state, but {seen}")
        if code == 0 and seen != self.new:
            self.problems.append(f"{where}: exit code 0, but the result is {seen}")
        if code not in (0, 1, -signal.SIGKILL) or "Traceback" in error:
            self.problems.append(f"{where}: exit code {code}: {error[-400:]}")
        if code == 1 and not any(name in error for name in self.command.names):
            self.problems.append(f"{where}: the error names no path: {error}")
        self.go_on(where, seen)

    def run_disturbed(self, function: Callable[[], int]) -> tuple[int, str]:
        """Run a function in a fork; return the exit code of femb, and what it printed on stderr."""
        status, code = in_fork(function, self.place)
        error = (self.directory / "stderr").read_text(encoding="utf-8")
        return (code if status == 0 else status), error

    def go_on(self, where: str, seen: Any) -> None:
        """Run the command that continues, and check that it ends as if nothing had happened.

        If the result is there already, this command only cleans up, and may refuse to do more.
        """
        code, error = self.run_disturbed(lambda: run_femb(self.command.again(self.place)))
        if code != 0 and seen != self.new:
            self.problems.append(f"{where}: going on ends with {code}: {error[-400:]}")
            return
        final = self.look()
        if final != self.new:
            self.problems.append(f"{where}: going on leads to {final}, not to {self.new}")
        left = sorted(
            str(path.relative_to(self.place))
            for path in self.place.rglob("*")
            if path.name.startswith(".") or path.suffix in (".tmp", ".part", ".old")
        )
        if left:
            self.problems.append(f"{where}: left behind: {left[:5]}")

    def look(self) -> Any:
        """Return what a reader sees of the command's result."""
        status, seen = in_fork(lambda: self.command.look(self.place), self.place)
        assert status == 0, "looking must not fail"
        return seen


def run_femb(arguments: list[str]) -> int:
    """Run femb in this process and return its exit code; an exception of any kind is printed and counts as 70."""
    from femb_cli.cli.app import run

    try:
        return run(arguments)
    except BaseException:
        traceback.print_exc()
        return 70
    finally:
        LIBRARY.failing_disk_end()


def watch(directory: Path, number: int, way: str) -> None:
    """Let the n-th operation below the directory fail; 0 only counts."""
    error, from_then_on = WAYS[way]
    LIBRARY.failing_disk(os.fsencode(directory), ctypes.c_long(number), error, int(from_then_on))


def in_fork(function: Callable[[], Any], directory: Path) -> tuple[int, Any]:
    """Call a function in a fork of this process, in a directory; its output goes to the file `stderr` beside it.

    Returns:
        The exit status (negative: the signal that killed it), and what the function returned.
    """
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.chdir(directory)
            output = os.open(directory.parent / "stderr", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(output, 1)
            os.dup2(output, 2)
            result = json.dumps(function())
            os.write(sending, result.encode())
        except BaseException:
            traceback.print_exc()
            os._exit(71)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
    os.close(sending)
    with os.fdopen(receiving, "rb") as pipe:
        text = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return status, json.loads(text) if text else None


if __name__ == "__main__":
    main()
