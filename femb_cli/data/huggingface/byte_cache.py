"""A cache bounded in bytes, in which threads that want the same value at once wait for one of them to make it."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")


class ByteCache(Generic[Value]):
    """The values that were used last, as many as fit.

    Args:
        limit: of all values together, in bytes; one value alone is kept even where it is larger.
        size_of: says how large a value is, in bytes.
    """

    def __init__(self, limit: int, size_of: Callable[[Value], int]) -> None:
        self._limit = limit
        self._size_of = size_of
        self._lock = Lock()
        self._values: OrderedDict[Hashable, Value] = OrderedDict()
        self._in_making: dict[Hashable, Future[Value]] = {}
        self._bytes = 0

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the value of `key`, made if it is not there; what `make` raises, all that wait for it raise."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
            in_making = self._in_making.get(key)
            if in_making is None:
                mine = self._in_making[key] = Future()
        return self._make(key, make, mine) if in_making is None else in_making.result()

    def _make(self, key: Hashable, make: Callable[[], Value], future: "Future[Value]") -> Value:
        try:
            value = make()
        except BaseException as error:
            with self._lock:
                del self._in_making[key]
            future.set_exception(error)
            raise
        with self._lock:
            del self._in_making[key]
            self._keep(key, value)
        future.set_result(value)
        return value

    def _keep(self, key: Hashable, value: Value) -> None:
        self._values[key] = value
        self._bytes += self._size_of(value)
        while self._bytes > self._limit and len(self._values) > 1:
            _, oldest = self._values.popitem(last=False)
            self._bytes -= self._size_of(oldest)
