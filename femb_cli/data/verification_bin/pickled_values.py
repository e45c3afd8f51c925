"""Build the values in the pickle of a verification set, bytes and NumPy's integer arrays, without calling NumPy's code.

A pickle names the functions that build its values, such as `numpy.core.multiarray._reconstruct`. femb calls none of
them. It knows a replacement for each function that verification sets use, and refuses all others. The format of arrays
is described in NumPy's `ndarray.__reduce__` and `dtype.__reduce__`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

_MAX_DIMENSIONS = 2
_LATIN1 = ("latin1", "latin-1")
_DTYPES = {code: np.dtype(code) for code in ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8")}
# The byte of a NumPy bool may be neither 0 nor 1, so it is read as a number and checked like any other label.
_DTYPES["b1"] = np.dtype("u1")


class RefusedError(Exception):
    """Raised when an instruction of the pickle needs something that femb refuses."""


class ByteBudget:
    """The bytes that may be built from a file: a pickle can use one text many times and so fill any memory."""

    def __init__(self, num_bytes: int) -> None:
        self._left = num_bytes

    def spend(self, num_bytes: int) -> None:
        """Count bytes that are built.

        Raises:
            RefusedError: The budget is used up.
        """
        self._left -= num_bytes
        if self._left < 0:
            raise RefusedError("builds more bytes than the file has")


@dataclass(frozen=True)
class Global:
    """A function or class that the pickle names, and its replacement; None if it cannot be called."""

    name: str
    call: Callable[[tuple[Any, ...], ByteBudget], object] | None


@dataclass
class ElementType:
    """The type of an array's elements; a later instruction sets its byte order."""

    code: str
    big_endian: bool = False

    def dtype(self) -> np.dtype[Any]:
        """Return NumPy's dtype."""
        return _DTYPES[self.code].newbyteorder(">" if self.big_endian else "<")


def find_global(module: str, name: str) -> Global:
    """Return a named function or class with its replacement.

    Raises:
        RefusedError: Verification sets do not use it.
    """
    if (module, name) not in _GLOBALS:
        raise RefusedError(f"names {module}.{name}, which images and labels do not need")
    return Global(f"{module}.{name}", _GLOBALS[module, name])


def build(target: object, state: object, budget: ByteBudget) -> None:
    """Set the state of an element type or of an empty array; changes `target`.

    Raises:
        RefusedError: `target` is something else, or the state is invalid.
    """
    if isinstance(target, ElementType):
        _set_byte_order(target, state)
    elif isinstance(target, np.ndarray) and not target.size:
        _fill_array(target, state, budget)
    else:
        raise RefusedError(f"changes {kind(target)}")


def kind(value: object) -> str:
    """Describe a value by its type, for messages; the value itself may be too large to print."""
    return value.name if isinstance(value, Global) else _KINDS[type(value)]


def _encode(arguments: tuple[Any, ...], budget: ByteBudget) -> bytes:
    """Replace `_codecs.encode`, `bytes` and `bytearray`: bytes, or bytes written as Latin-1 text."""
    match arguments:
        case ():
            return b""
        case (bytes() as content,):
            return content
        case (str() as text, str() | bytes() as codec) if _text(codec) in _LATIN1:
            budget.spend(len(text))
            try:
                return text.encode("latin1")
            except UnicodeEncodeError as error:
                raise RefusedError("has text that is not Latin-1 in place of bytes") from error
    raise RefusedError("builds bytes from something else than bytes or Latin-1 text")


def _element_type(arguments: tuple[Any, ...], _: ByteBudget) -> ElementType:
    """Replace `numpy.dtype(code, align, copy)`."""
    code = _text(arguments[0]) if arguments else ""
    if code not in _DTYPES:
        raise RefusedError(f"has an array with elements of the type {code[:20]!r}, not integers or bools")
    return ElementType(code)


def _set_byte_order(target: ElementType, state: object) -> None:
    """Apply the state of a dtype: version, byte order, subtype, names, fields, and sizes that numbers do not need."""
    match state:
        case (int(), str() | bytes() as order, None, None, None, *_) if _text(order) in ("|", "<", ">"):
            target.big_endian = _text(order) == ">"
        case _:
            raise RefusedError("has an array whose elements are not plain numbers")


def _empty_array(arguments: tuple[Any, ...], _: ByteBudget) -> np.ndarray:
    """Replace `_reconstruct(numpy.ndarray, (0,), b"b")`: an empty array that gets its shape and content later."""
    match arguments:
        case (Global(name="numpy.ndarray"), (int() as size,), _) if size == 0:
            return np.empty(0, dtype=np.uint8)
    raise RefusedError("builds an array that is not empty before it has content")


def _fill_array(target: np.ndarray, state: object, budget: ByteBudget) -> None:
    """Apply the state of an array: version, shape, element type, whether it is stored by columns, and content."""
    match state:
        case (int(), tuple() as shape, ElementType() as element, bool() as by_columns, bytes() as content):
            _check_content(shape, element.dtype(), content, budget)
            # NumPy's type stubs ask for numpy.bool, which NumPy itself refuses.
            target.__setstate__((1, shape, element.dtype(), by_columns, content))  # type: ignore[arg-type]
        case _:
            raise RefusedError("has an array whose state is not a shape, a type of elements and bytes")


def _array(arguments: tuple[Any, ...], budget: ByteBudget) -> np.ndarray:
    """Replace `_frombuffer(content, dtype, shape, order)`."""
    match arguments:
        case (bytes() as content, ElementType() as element, tuple() as shape, str() as order) if order in ("C", "F"):
            _check_content(shape, element.dtype(), content, budget)
            return np.ndarray(shape, element.dtype(), content, order="F" if order == "F" else "C")
    raise RefusedError("builds an array from something else than bytes")


def _scalar(arguments: tuple[Any, ...], budget: ByteBudget) -> int:
    """Replace `scalar(dtype, content)`."""
    match arguments:
        case (ElementType() as element, bytes() as content):
            _check_content((), element.dtype(), content, budget)
            return int(np.frombuffer(content, dtype=element.dtype())[0])
    raise RefusedError("builds a number from something else than bytes")


def _check_content(shape: tuple[Any, ...], dtype: np.dtype[Any], content: bytes, budget: ByteBudget) -> None:
    """Refuse a shape that does not match the size of the content."""
    sound = len(shape) <= _MAX_DIMENSIONS and all(type(n) is int and 0 <= n <= len(content) for n in shape)
    if not sound or math.prod(shape) * dtype.itemsize != len(content):
        raise RefusedError(f"has an array whose {len(content)} bytes do not fill its shape")
    budget.spend(len(content))


def _text(value: object) -> str:
    """Return text, which Python 2 wrote as bytes; empty for other values."""
    if isinstance(value, bytes):
        return value.decode("latin1")
    return value if isinstance(value, str) else ""


_KINDS = {
    type(None): "None",
    bool: "a bool",
    int: "an integer",
    str: "text",
    bytes: "bytes",
    list: "a list",
    tuple: "a tuple",
    np.ndarray: "an array",
    ElementType: "a type of elements",
}

_GLOBALS: dict[tuple[str, str], Callable[[tuple[Any, ...], ByteBudget], object] | None] = {
    ("_codecs", "encode"): _encode,
    ("builtins", "bytes"): _encode,
    ("__builtin__", "bytes"): _encode,
    ("builtins", "bytearray"): _encode,
    ("__builtin__", "bytearray"): _encode,
    ("numpy", "dtype"): _element_type,
    ("numpy", "ndarray"): None,
    ("numpy.core.multiarray", "_reconstruct"): _empty_array,
    ("numpy._core.multiarray", "_reconstruct"): _empty_array,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("numpy.core.numeric", "_frombuffer"): _array,
    ("numpy._core.numeric", "_frombuffer"): _array,
}
