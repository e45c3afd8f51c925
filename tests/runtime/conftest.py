"""How the processes of a test are started."""

import multiprocessing

import pytest


@pytest.fixture(params=["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def started(request, monkeypatch):
    """Processes are forks, which need not import torch for seconds, or are started anew as users have them."""
    contexts = {method: multiprocessing.get_context(method) for method in ("fork", "spawn")}
    monkeypatch.setattr(multiprocessing, "get_context", lambda _: contexts[request.param])
