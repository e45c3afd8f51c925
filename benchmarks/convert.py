"""Measure CPU time and memory of `femb convert`, beside `cp` and the script that it replaces.

    python benchmarks/convert.py --records records --rival-python PYTHON --mxnet2hf mxnet2hf.py

The rival is mxnet2hf.py of alexkrz/dataset-container (commit 1d68e393), in a Python that has mxnet. It runs once,
because it takes long. The others take turns, each in its own process, and every file is written anew.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """One run: seconds of CPU time, seconds of wall time, and the peak of the resident memory in MB."""

    cpu: float
    wall: float
    peak: float


def main() -> None:
    """Run all commands and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=Path, required=True, help="folder with train.rec, see recordset.py")
    parser.add_argument("--rival-python", help="a Python with mxnet and datasets; left out: femb and cp alone")
    parser.add_argument("--mxnet2hf", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        costs = _race(arguments, Path(folder))
    print(f"{'what':<22}{'CPU, s':>8}{'/ cp':>8}{'wall, s':>9}{'peak, MB':>10}")
    copy = statistics.median(cost.cpu for cost in costs["cp"])
    for what, of_what in costs.items():
        cpu, wall = (statistics.median(getattr(cost, key) for cost in of_what) for key in ("cpu", "wall"))
        peak = max(cost.peak for cost in of_what)
        print(f"{what:<22}{cpu:>8.2f}{cpu / copy:>8.1f}{wall:>9.2f}{peak:>10.0f}")


def _race(arguments: argparse.Namespace, folder: Path) -> dict[str, list[Cost]]:
    records = str(arguments.records / "train.rec")
    out = folder / "out"
    femb = [sys.executable, "-m", "femb_cli", "convert", str(arguments.records), str(out), "--quiet"]
    commands = {"cp": ["cp", records, str(out)], "femb, arrow": femb, "femb, parquet": [*femb, "--format", "parquet"]}
    costs: dict[str, list[Cost]] = {what: [] for what in commands}
    for number in range(arguments.rounds + 1):
        for what, command in commands.items():
            cost = _run(command, out)
            if number:  # the first round warms up
                costs[what].append(cost)
    if arguments.rival_python:
        rival = [arguments.rival_python, str(arguments.mxnet2hf), "--mxnet_dir", str(arguments.records)]
        rival += ["--out_dir", str(folder), "--fname", "out"]
        costs["mxnet2hf.py"] = [_run(rival, out, {"HF_HOME": str(folder / "cache"), "HOME": str(folder)})]
    return costs


def _run(command: list[str], out: Path, environment: dict[str, str] | None = None) -> Cost:
    os.sync()  # otherwise a run would also write what the earlier one left in memory
    started = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **(environment or {})}
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    if out.is_dir():
        shutil.rmtree(out)
    else:
        out.unlink()
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024)


if __name__ == "__main__":
    main()
