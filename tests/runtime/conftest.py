"""How the processes of a test are started."""

import multiprocessing

import pytest


@pytest.fixture(params=["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def started(request, monkeypatch):
    """Processes are forks, which need not import torch for seconds, or are started anew as users have them."""
    from accelerate import PartialState

    monkeypatch.setattr(PartialState, "_shared_state", {})  # a fork must not take this process's for its own
    contexts = {method: multiprocessing.get_context(method) for method in ("fork", "spawn")}
    monkeypatch.setattr(multiprocessing, "get_context", lambda _: contexts[request.param])
