"""A cache with a limit in bytes; if several threads need the same value, one makes it and the others wait."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")


class ByteCache(Generic[Value]):
    """Keeps the values that were used last, as many as fit.

    Args:
        limit: Size of all values together, in bytes; a single value is kept even if it is larger.
        size_of: Returns the size of a value in bytes.
    """

    def __init__(self, limit: int, size_of: Callable[[Value], int]) -> None:
        self._limit = limit
        self._size_of = size_of
        self._lock = Lock()
        self._values: OrderedDict[Hashable, Value] = OrderedDict()
        self._pending: dict[Hashable, Future[Value]] = {}
        self._bytes = 0

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the value of `key`, made if it is missing; what `make` raises is raised in all waiting threads."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
            pending = self._pending.get(key)
            if pending is None:
                mine = self._pending[key] = Future()
        return self._make(key, make, mine) if pending is None else pending.result()

    def _make(self, key: Hashable, make: Callable[[], Value], future: "Future[Value]") -> Value:
        try:
            value = make()
        except BaseException as error:
            with self._lock:
                del self._pending[key]
            future.set_exception(error)
            raise
        with self._lock:
            del self._pending[key]
            self._keep(key, value)
        future.set_result(value)
        return value

    def _keep(self, key: Hashable, value: Value) -> None:
        self._values[key] = value
        self._bytes += self._size_of(value)
        while self._bytes > self._limit and len(self._values) > 1:
            _, oldest = self._values.popitem(last=False)
            self._bytes -= self._size_of(oldest)
