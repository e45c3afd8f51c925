"""Processes that are started once, because that takes seconds, and then run one function after another together.

They are forks of a process that has imported torch and femb once for all of them.
"""

import multiprocessing
import pickle
import traceback
from collections.abc import Callable
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
import torch.distributed as distributed

PATIENCE = timedelta(seconds=60)
IMPORTED = ["torch", "torchvision", "accelerate", "femb_cli.classifier", "femb_cli.training.loop"]


class Processes:
    """Processes in one gloo process group."""

    def __init__(self, world_size: int, folder: Path) -> None:
        self.world_size = world_size
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(IMPORTED)
        pipes = [context.Pipe() for _ in range(world_size)]
        self.connections = [ours for ours, _ in pipes]
        self.workers = [
            context.Process(target=serve, args=(rank, world_size, folder, theirs), daemon=True)
            for rank, (_, theirs) in enumerate(pipes)
        ]
        for worker in self.workers:
            worker.start()

    def run(self, function: Callable[..., Any], *arguments: Any) -> list[Any]:
        """Run `function(*arguments)`, which must be importable, on all processes; return the results by rank."""
        for connection in self.connections:
            connection.send_bytes(pickle.dumps((function, arguments)))
        results, failures = [], []
        for rank, connection in enumerate(self.connections):
            assert connection.poll(PATIENCE.total_seconds()), f"process {rank} did not answer"
            result, failure = pickle.loads(connection.recv_bytes())
            results.append(result)
            failures += [f"process {rank}: {failure}"] if failure else []
        assert not failures, "\n".join(failures)
        return results

    def stop(self) -> None:
        """End the processes."""
        for worker in self.workers:
            worker.terminate()
            worker.join()


def serve(rank: int, world_size: int, folder: Path, connection: Connection) -> None:
    """Join the group, then run each function that arrives and send back its result or its traceback."""
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", f"file://{folder}/store-{world_size}", PATIENCE / 2, rank=rank, world_size=world_size
    )
    while True:
        function, arguments = pickle.loads(connection.recv_bytes())
        result = failure = None
        try:
            result = function(*arguments)
        except Exception:
            failure = traceback.format_exc()
        connection.send_bytes(pickle.dumps((result, failure)))
