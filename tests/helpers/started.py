"""Start femb in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path


def start(place: Path, *arguments: str) -> subprocess.Popen:
    """Start a command in a directory and in a process group of its own; its output goes to the file `log` there."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with (place / "log").open("w") as log:
        command = [sys.executable, "-m", "femb_cli", *arguments]
        return subprocess.Popen(command, cwd=place, stdout=log, stderr=log, env=environment, start_new_session=True)
