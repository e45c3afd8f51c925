"""Two groups of processes, as on two machines, train one run."""

import json
import os
import socket
import subprocess
import sys

import pytest
from tiny import TINY


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.mark.slow
@pytest.mark.parametrize("rendezvous", ["static", "c10d"])
def test_two_groups_of_torchrun_join_one_run(tmp_path, rendezvous):
    port = free_port()
    meeting = ["--master-addr", "127.0.0.1", "--master-port", str(port)]
    if rendezvous == "c10d":
        meeting = ["--rdzv-backend", "c10d", "--rdzv-endpoint", f"127.0.0.1:{port}", "--rdzv-id", "1"]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1", *meeting]
    groups = [
        subprocess.Popen(
            [*launcher, "--node-rank", str(number), "-m", "femb_cli", "train", *TINY, "--out", "run", "--json"],
            cwd=tmp_path,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in (0, 1)
    ]
    ends = [group.communicate(timeout=300) for group in groups]
    assert [group.returncode for group in groups] == [0, 0], ends
    printed = [out for out, _ in ends if out]
    assert len(printed) == 1
    assert json.loads(printed[0])["processes"] == 2
    assert (tmp_path / "run/summary.json").is_file()
