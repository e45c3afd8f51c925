"""What the functions that the pickle of a verification set names would make: bytes and NumPy's integer arrays.

None of those functions is called; the values are made here, and only from bytes that are in the file. How arrays are
written is described in NumPy's `ndarray.__reduce__` and `dtype.__reduce__`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

_MAX_DIMENSIONS = 2
_LATIN1 = ("latin1", "latin-1")
_DTYPES = {code: np.dtype(code) for code in ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8")}
# A bool of NumPy's is a byte that may be neither 0 nor 1; as a number it is checked like any other label.
_DTYPES["b1"] = np.dtype("u1")


class RefusedError(Exception):
    """What an instruction of the pickle asks for and does not get."""


class Allowance:
    """How many bytes may be made from those of a file; a memo lets a program use one text of it over and over."""

    def __init__(self, num_bytes: int) -> None:
        self._left = num_bytes

    def spend(self, num_bytes: int) -> None:
        """Count what is made.

        Raises:
            RefusedError: It is too much.
        """
        self._left -= num_bytes
        if self._left < 0:
            raise RefusedError("makes more of the file than is in it")


@dataclass(frozen=True)
class Global:
    """Something that the pickle names by its module, and what is called in its place; None: it cannot be called."""

    name: str
    call: Callable[[tuple[Any, ...], Allowance], object] | None


@dataclass
class ElementType:
    """The type of an array's elements; its byte order is told by a later instruction than its code."""

    code: str
    big_endian: bool = False

    def dtype(self) -> np.dtype[Any]:
        """The same for NumPy."""
        return _DTYPES[self.code].newbyteorder(">" if self.big_endian else "<")


def find_global(module: str, name: str) -> Global:
    """Look up the stand-in of a global.

    Raises:
        RefusedError: No verification set needs it.
    """
    if (module, name) not in _GLOBALS:
        raise RefusedError(f"names {module}.{name}, which no verification set needs")
    return Global(f"{module}.{name}", _GLOBALS[module, name])


def build(target: object, state: object, allowance: Allowance) -> None:
    """Give an element type, or an array that is empty as yet, its state; changes `target`.

    Raises:
        RefusedError: `target` is something else, or the state does not make sense.
    """
    if isinstance(target, ElementType):
        _set_byte_order(target, state)
    elif isinstance(target, np.ndarray) and not target.size:
        _fill_array(target, state, allowance)
    else:
        raise RefusedError(f"changes {kind(target)}")


def kind(value: object) -> str:
    """A value for a message: never itself, which may be endless."""
    return value.name if isinstance(value, Global) else _KINDS[type(value)]


def _encode(arguments: tuple[Any, ...], allowance: Allowance) -> bytes:
    """What `_codecs.encode`, `bytes` and `bytearray` are used for: bytes, or the Latin-1 text that stands for them."""
    match arguments:
        case ():
            return b""
        case (bytes() as content,):
            return content
        case (str() as text, str() | bytes() as codec) if _text(codec) in _LATIN1:
            allowance.spend(len(text))
            try:
                return text.encode("latin1")
            except UnicodeEncodeError as error:
                raise RefusedError("has text that is not Latin-1 in the place of bytes") from error
    raise RefusedError("makes bytes of something else than bytes or Latin-1 text")


def _element_type(arguments: tuple[Any, ...], _: Allowance) -> ElementType:
    """`numpy.dtype(code, align, copy)`."""
    code = _text(arguments[0]) if arguments else ""
    if code not in _DTYPES:
        raise RefusedError(f"has an array with elements of the type {code[:20]!r}, not integers or bools")
    return ElementType(code)


def _set_byte_order(target: ElementType, state: object) -> None:
    """State of a dtype: version, byte order, subtype, names, fields, and sizes that plain types do not need."""
    match state:
        case (int(), str() | bytes() as order, None, None, None, *_) if _text(order) in ("|", "<", ">"):
            target.big_endian = _text(order) == ">"
        case _:
            raise RefusedError("has an array whose elements are no plain numbers")


def _empty_array(arguments: tuple[Any, ...], _: Allowance) -> np.ndarray:
    """`_reconstruct(numpy.ndarray, (0,), b"b")`: an array that gets its shape and content later."""
    match arguments:
        case (Global(name="numpy.ndarray"), (int() as size,), _) if size == 0:
            return np.empty(0, dtype=np.uint8)
    raise RefusedError("makes an array that is not empty before it has content")


def _fill_array(target: np.ndarray, state: object, allowance: Allowance) -> None:
    """State of an array: version, shape, element type, whether its columns lie together, and content."""
    match state:
        case (int(), tuple() as shape, ElementType() as element, bool() as by_columns, bytes() as content):
            _check_content(shape, element.dtype(), content, allowance)
            # The stubs ask for a bool of NumPy's, which NumPy itself refuses.
            target.__setstate__((1, shape, element.dtype(), by_columns, content))  # type: ignore[arg-type]
        case _:
            raise RefusedError("has an array whose state is not a shape, a type of elements and bytes")


def _array(arguments: tuple[Any, ...], allowance: Allowance) -> np.ndarray:
    """`_frombuffer(content, dtype, shape, order)`."""
    match arguments:
        case (bytes() as content, ElementType() as element, tuple() as shape, str() as order) if order in ("C", "F"):
            _check_content(shape, element.dtype(), content, allowance)
            return np.ndarray(shape, element.dtype(), content, order="F" if order == "F" else "C")
    raise RefusedError("makes an array of something else than bytes")


def _scalar(arguments: tuple[Any, ...], allowance: Allowance) -> int:
    """`scalar(dtype, content)`."""
    match arguments:
        case (ElementType() as element, bytes() as content):
            _check_content((), element.dtype(), content, allowance)
            return int(np.frombuffer(content, dtype=element.dtype())[0])
    raise RefusedError("makes a number of something else than bytes")


def _check_content(shape: tuple[Any, ...], dtype: np.dtype[Any], content: bytes, allowance: Allowance) -> None:
    """Refuse a shape that is not that of the content."""
    sound = len(shape) <= _MAX_DIMENSIONS and all(type(n) is int and 0 <= n <= len(content) for n in shape)
    if not sound or math.prod(shape) * dtype.itemsize != len(content):
        raise RefusedError(f"has an array whose {len(content)} bytes do not fill its shape")
    allowance.spend(len(content))


def _text(value: object) -> str:
    """Short text, which Python 2 wrote as bytes; empty for anything else."""
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

_GLOBALS: dict[tuple[str, str], Callable[[tuple[Any, ...], Allowance], object] | None] = {
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
