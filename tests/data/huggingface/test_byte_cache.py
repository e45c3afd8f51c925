"""The cache makes a value once, however many threads ask for it."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from femb_cli.data.huggingface.byte_cache import ByteCache


def test_a_value_that_several_threads_want_is_made_once():
    cache, made, started, finish = ByteCache(100, len), [], threading.Event(), threading.Event()

    def make() -> bytes:
        made.append(1)
        started.set()
        finish.wait(10)
        return b"value"

    with ThreadPoolExecutor(4) as threads:
        wanted = [threads.submit(cache.get, "key", make) for _ in range(4)]
        started.wait(10)
        finish.set()
        assert [future.result() for future in wanted] == [b"value"] * 4
    assert made == [1]


def test_a_value_that_could_not_be_made_is_tried_again():
    cache: ByteCache[bytes] = ByteCache(100, len)
    with pytest.raises(ZeroDivisionError):
        cache.get("key", lambda: bytes(1 // 0))
    assert cache.get("key", lambda: b"value") == b"value"
