"""Read the pickles of verification sets without executing them.

A pickle is a program for a small stack machine. Python's machine calls every function that the program names and
allocates every length that it states. The machine in this module knows only the opcodes in which lists of images and
labels are written, in protocols 0 to 5 and by Python 2 and 3. It checks every length against the file, and calls no
function that the program names. The opcodes are described in Python's standard library, Lib/pickletools.py.
"""

import codecs
import mmap
import pickle
import pickletools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from femb_cli.data.verification_bin.pickled_values import ByteBudget, Global, RefusedError, build, find_global, kind
from femb_cli.errors import FembError

_HIGHEST_PROTOCOL = 5
_FREE_OPCODES, _BYTES_PER_OPCODE = 1_000_000, 16
_LONGEST_LINE, _LONGEST_INTEGER = 100, 8
_INTEGER = re.compile(rb"(-?[0-9]{1,19})L?")


def load_set(path: Path) -> object:
    """Read a pickle of lists, tuples, bytes, text, integers, bools, None and NumPy's integer arrays.

    Nothing in the file is executed, and the result takes little more memory than twice the file. A bytearray or a
    string of Python 2 becomes bytes, a NumPy bool becomes an integer. A list may contain itself, so do not walk
    through nested lists.

    Raises:
        FembError: The file cannot be read, is not a pickle, is cut short, or uses an opcode or a name that verification
            sets do not need; the message names it and its position.
    """
    try:
        with path.open("rb") as file:
            if not path.stat().st_size:
                raise FembError(f"{path} is empty: 0 bytes", hint="copy or download it again")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return _Machine(content).run()
    except OSError as error:
        raise FembError(f"cannot read {path}: {error.strerror}", hint="check the path") from error
    except RefusedError as refused:
        raise FembError(
            f"{path} is not a valid verification set: {refused}",
            hint="nothing in the file was executed; a verification set is a pickle of a list of encoded images,"
            " as bytes or NumPy arrays of bytes, and a list of labels",
        ) from refused


def load_pickled(content: bytes) -> object:
    """Read a pickle in memory as `load_set` reads a file.

    Raises:
        RefusedError: As `load_set` refuses a file; the message says at which byte.
    """
    return _Machine(content).run()


class _Machine:
    """The stack machine: runs the instructions of a file until STOP."""

    def __init__(self, content: mmap.mmap | bytes) -> None:
        self.content = content
        self.size = len(content)
        self.position = 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        # Twice the file: protocol 2 builds an array from bytes that are built from text.
        self.budget = ByteBudget(2 * self.size)

    def run(self) -> object:
        """Run the program and return its result.

        Raises:
            RefusedError: It has an instruction that femb refuses; the message says at which byte.
        """
        start = 0
        # One byte of opcode can take a hundred bytes of memory, and a set is mostly images: limit the opcodes.
        max_opcodes = _FREE_OPCODES + self.size // _BYTES_PER_OPCODE
        try:
            for _ in range(max_opcodes):
                start = self.position
                opcode = self.take(1)
                if opcode == pickle.STOP:
                    return self.pop()
                if opcode not in _INSTRUCTIONS:
                    raise RefusedError(f"is {_opcode_name(opcode)}, which images and labels do not need")
                _INSTRUCTIONS[opcode](self)
            raise RefusedError(f"has more than {max_opcodes} instructions")
        except RefusedError as refused:
            raise RefusedError(f"byte {start} {refused}") from refused

    def take(self, length: int) -> bytes:
        """Return the next bytes of the file."""
        self.expect(length)
        self.position += length
        return self.content[self.position - length : self.position]

    def expect(self, length: int) -> None:
        """Refuse a length that goes beyond the end of the file."""
        left = self.size - self.position
        if length > left:
            raise RefusedError(f"needs {length} bytes more, but the file is cut short and has {left}")

    def take_number(self, size: int, *, signed: bool = False) -> int:
        """Return the next bytes as a little-endian integer."""
        return int.from_bytes(self.take(size), "little", signed=signed)

    def take_counted(self, size: int) -> bytes:
        """Return bytes whose number is stated before them, in an integer of `size` bytes."""
        return self.take(self.take_number(size))

    def take_line(self, longest: int | None = None) -> bytes:
        """Return the bytes up to the end of the line, without the line break."""
        limit = self.size if longest is None else self.position + longest
        end = self.content.find(b"\n", self.position, limit)
        if end < 0:
            raise RefusedError("starts a line without an end" + (f" in {longest} bytes" if longest else ""))
        return self.take(end + 1 - self.position)[:-1]

    def push(self, value: object) -> None:
        """Put a value on the stack."""
        self.stack.append(value)

    def pop(self) -> Any:
        """Take a value off the stack."""
        if not self.stack:
            raise RefusedError("finds the stack empty")
        return self.stack.pop()

    def pop_many(self, count: int) -> tuple[Any, ...]:
        """Take values off the stack, and return them in the order in which they were put there."""
        return tuple([self.pop() for _ in range(count)][::-1])

    def pop_to_mark(self) -> list[Any]:
        """Take all values since the last mark off the stack."""
        if not self.marks:
            raise RefusedError("finds no mark")
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def memoize(self, key: int) -> None:
        """Store the value on top of the stack in the memo."""
        value = self.pop()
        self.memo[key] = value
        self.push(value)

    def push_memo(self, key: int) -> None:
        """Push a value of the memo."""
        if key not in self.memo:
            raise RefusedError(f"refers to {key}, which is not in the memo")
        self.push(self.memo[key])

    def extend(self, items: list[Any]) -> None:
        """Add items to the list on top of the stack."""
        target = self.pop()
        if not isinstance(target, list):
            raise RefusedError(f"adds to {kind(target)}")
        target.extend(items)
        self.push(target)

    def name(self, module: object, name: object) -> None:
        """Push a named function or class, if verification sets use it."""
        if not (isinstance(module, str) and isinstance(name, str) and len(module) + len(name) < _LONGEST_LINE):
            raise RefusedError("has a name that is not text or is too long")
        self.push(find_global(module, name))

    def call(self) -> None:
        """Call the replacement of a named function, and push its result."""
        function, arguments = self.pop_many(2)
        if not isinstance(function, Global) or function.call is None or not isinstance(arguments, tuple):
            raise RefusedError(f"calls {kind(function)} with {kind(arguments)}")
        self.push(function.call(arguments, self.budget))

    def build(self) -> None:
        """Set the state of the array or the element type on top of the stack."""
        target, state = self.pop_many(2)
        build(target, state, self.budget)
        self.push(target)


def _line_as_integer(machine: _Machine) -> int:
    line = machine.take_line(_LONGEST_LINE)
    # Protocols 0 and 1 write bools like this.
    if line in (b"00", b"01"):
        return line == b"01"
    return _parse_integer(line)


def _line_as_key(machine: _Machine) -> int:
    return _parse_integer(machine.take_line(_LONGEST_LINE))


def _parse_integer(line: bytes) -> int:
    match = _INTEGER.fullmatch(line)
    if not match:
        raise RefusedError("has an integer that is invalid or too long for 64 bits")
    return int(match[1])


def _counted_integer(machine: _Machine) -> int:
    size = machine.take_number(1)
    if size > _LONGEST_INTEGER:
        raise RefusedError(f"has an integer of {size} bytes, too long for 64 bits")
    return machine.take_number(size, signed=True)


def _quoted_string(machine: _Machine) -> bytes:
    """Read a string literal of Python 2."""
    line = machine.take_line()
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
        raise RefusedError("has a string without its quotes")
    try:
        return codecs.escape_decode(line[1:-1])[0]
    except ValueError as error:
        raise RefusedError("has a string with an invalid escape") from error


def _decode(content: bytes, codec: str = "utf-8") -> str:
    try:
        return content.decode(codec)
    except UnicodeDecodeError as error:
        raise RefusedError(f"has text that is not {codec}") from error


def _name_in_two_lines(machine: _Machine) -> None:
    module, name = machine.take_line(_LONGEST_LINE), machine.take_line(_LONGEST_LINE)
    machine.name(_decode(module), _decode(name))


def _check_protocol(machine: _Machine) -> None:
    protocol = machine.take_number(1)
    if protocol > _HIGHEST_PROTOCOL:
        raise RefusedError(f"states protocol {protocol}; femb reads 0 to {_HIGHEST_PROTOCOL}")


def _opcode_name(opcode: bytes) -> str:
    names = {known.code: known.name for known in pickletools.opcodes}
    character = opcode.decode("latin1")
    return f"the opcode {names[character]}" if character in names else repr(opcode)


_INSTRUCTIONS: dict[bytes, Callable[[_Machine], None]] = {
    pickle.PROTO: _check_protocol,
    pickle.FRAME: lambda machine: machine.expect(machine.take_number(8)),
    pickle.MARK: lambda machine: machine.marks.append(len(machine.stack)),
    # Constants and integers.
    pickle.NONE: lambda machine: machine.push(None),
    pickle.NEWTRUE: lambda machine: machine.push(True),
    pickle.NEWFALSE: lambda machine: machine.push(False),
    pickle.INT: lambda machine: machine.push(_line_as_integer(machine)),
    pickle.LONG: lambda machine: machine.push(_line_as_integer(machine)),
    pickle.LONG1: lambda machine: machine.push(_counted_integer(machine)),
    pickle.BININT: lambda machine: machine.push(machine.take_number(4, signed=True)),
    pickle.BININT1: lambda machine: machine.push(machine.take_number(1)),
    pickle.BININT2: lambda machine: machine.push(machine.take_number(2)),
    # Bytes, among them the strings of Python 2, and text.
    pickle.STRING: lambda machine: machine.push(_quoted_string(machine)),
    pickle.BINSTRING: lambda machine: machine.push(machine.take_counted(4)),
    pickle.SHORT_BINSTRING: lambda machine: machine.push(machine.take_counted(1)),
    pickle.BINBYTES: lambda machine: machine.push(machine.take_counted(4)),
    pickle.SHORT_BINBYTES: lambda machine: machine.push(machine.take_counted(1)),
    pickle.BINBYTES8: lambda machine: machine.push(machine.take_counted(8)),
    pickle.BYTEARRAY8: lambda machine: machine.push(machine.take_counted(8)),
    pickle.UNICODE: lambda machine: machine.push(_decode(machine.take_line(), "raw-unicode-escape")),
    pickle.BINUNICODE: lambda machine: machine.push(_decode(machine.take_counted(4))),
    pickle.SHORT_BINUNICODE: lambda machine: machine.push(_decode(machine.take_counted(1))),
    pickle.BINUNICODE8: lambda machine: machine.push(_decode(machine.take_counted(8))),
    # Lists and tuples.
    pickle.EMPTY_LIST: lambda machine: machine.push([]),
    pickle.LIST: lambda machine: machine.push(machine.pop_to_mark()),
    pickle.APPEND: lambda machine: machine.extend([machine.pop()]),
    pickle.APPENDS: lambda machine: machine.extend(machine.pop_to_mark()),
    pickle.EMPTY_TUPLE: lambda machine: machine.push(()),
    pickle.TUPLE: lambda machine: machine.push(tuple(machine.pop_to_mark())),
    pickle.TUPLE1: lambda machine: machine.push(machine.pop_many(1)),
    pickle.TUPLE2: lambda machine: machine.push(machine.pop_many(2)),
    pickle.TUPLE3: lambda machine: machine.push(machine.pop_many(3)),
    # The memo.
    pickle.PUT: lambda machine: machine.memoize(_line_as_key(machine)),
    pickle.BINPUT: lambda machine: machine.memoize(machine.take_number(1)),
    pickle.LONG_BINPUT: lambda machine: machine.memoize(machine.take_number(4)),
    pickle.MEMOIZE: lambda machine: machine.memoize(len(machine.memo)),
    pickle.GET: lambda machine: machine.push_memo(_line_as_key(machine)),
    pickle.BINGET: lambda machine: machine.push_memo(machine.take_number(1)),
    pickle.LONG_BINGET: lambda machine: machine.push_memo(machine.take_number(4)),
    # Named functions.
    pickle.GLOBAL: _name_in_two_lines,
    pickle.STACK_GLOBAL: lambda machine: machine.name(*machine.pop_many(2)),
    pickle.REDUCE: lambda machine: machine.call(),
    pickle.BUILD: lambda machine: machine.build(),
}
