"""Measure the CPU time (user and system) of commands that load no network: minimum and median of several runs.

python benchmarks/startup.py
"""

import resource
import statistics
import subprocess
import sys

RUNS = 15
COMMANDS = (["--help"], ["train", "--help"], ["list", "headers"], ["train", "--dry-run"])


def cpu_seconds(arguments: list[str]) -> float:
    """Return the CPU seconds of one run."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "femb_cli", *arguments], capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Run the commands and print the table."""
    for arguments in COMMANDS:
        times = [cpu_seconds(arguments) for _ in range(RUNS)]
        print(f"femb {' '.join(arguments):<20} {min(times):.3f} s   median {statistics.median(times):.3f} s")


if __name__ == "__main__":
    main()
