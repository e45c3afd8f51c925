"""Processes for the tests of a classifier that several share."""

from collections.abc import Callable, Iterator

import pytest
from gloo_processes import Processes


@pytest.fixture(scope="session")
def processes(tmp_path_factory) -> Iterator[Callable[[int], Processes]]:
    """Two or three processes, started when a test first asks for that many."""
    started: dict[int, Processes] = {}

    def get(world_size: int) -> Processes:
        if world_size not in started:
            started[world_size] = Processes(world_size, tmp_path_factory.mktemp("processes"))
        return started[world_size]

    yield get
    for group in started.values():
        group.stop()
