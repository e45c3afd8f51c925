"""The lines of a text file, read some megabytes at a time, so that memory does not grow with the file."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from femb_cli.errors import FembError
from femb_cli.evaluation.verification.pair_formats.line import damaged
from femb_cli.text import other_encoding

_BLOCK_BYTES = 1 << 22
_MOST_SAMPLES = 4000
_LAST_BYTES = 16
"""The last bytes of a text with its last character and line end."""


@dataclass(frozen=True)
class TextFile:
    """A text file that was read once, and can be read again.

    A byte order mark, the kind of line ends, and white space at the end of the text are left out.

    Attributes:
        path: the file.
        num_lines: number of its lines, at least 1.
        samples: lines at equal distances, all of them if they are few; the first one is the first.
        is_plain: whether nothing but line feeds, perhaps after carriage returns, ends a line, no line is empty, and no
            cell is quoted.
    """

    path: Path
    num_lines: int
    samples: tuple[str, ...]
    is_plain: bool
    _content: bytes | None = field(default=None, repr=False)

    @classmethod
    def scan(cls, path: Path) -> "TextFile":
        """Read a file once.

        Raises:
            FembError: it cannot be read, is empty or is not UTF-8.
        """
        with _read_errors(path):
            content = None if path.is_file() else path.read_bytes()  # a pipe can be read only once
        file = cls(path, 0, (), is_plain=False, _content=content)
        samples: list[str] = []
        num_lines, step = 0, 1
        for lines in file.blocks():
            samples += lines[-num_lines % step :: step]
            num_lines += len(lines)
            while len(samples) > _MOST_SAMPLES:
                samples, step = samples[::2], 2 * step
        if not num_lines:
            raise damaged(path, 1, "the file is empty")
        return cls(path, num_lines, tuple(samples), file._looks_plain(), content)

    def open(self) -> BinaryIO:
        """Open the file from its beginning.

        Raises:
            FembError: it cannot be read.
        """
        with _read_errors(self.path):
            return self.path.open("rb") if self._content is None else io.BytesIO(self._content)

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(self.blocks())

    def blocks(self) -> Iterator[list[str]]:
        """Yield the lines without their ends, some megabytes at a time.

        Raises:
            FembError: the file cannot be read, or is not UTF-8; the message names the line.
        """
        held, before, encoding = "", 0, "utf-8-sig"
        for content in self.contents():
            try:
                text = content.decode(encoding)
            except UnicodeDecodeError as error:
                line = before + held.count("\n") + error.object.count(b"\n", 0, error.start) + 1
                what, hint = other_encoding(error.object) or ("not UTF-8 text", None)
                raise FembError(f"{self.path}, line {line}: {what}", hint=hint) from error
            encoding = "utf-8"
            held += text.replace("\r\n", "\n") if "\r" in text else text
            # White space at the end of the text is left out, and what follows the last line may be that.
            whole, newline, _ = held.rstrip().rpartition("\n")
            if newline:
                lines = whole.split("\n")
                before += len(lines)
                yield lines
                held = held[len(whole) + 1 :]
        if last := held.rstrip():
            yield [last]

    def contents(self) -> Iterator[bytes]:
        """Yield whole lines as they are in the file, some megabytes at a time."""
        with self.open() as file:
            yield from whole_lines(file, _BLOCK_BYTES)

    def _looks_plain(self) -> bool:
        end = b""
        for content in self.contents():
            if b'"' in content or b"\0" in content:
                return False
            if content.startswith((b"\n", b"\r\n")) or b"\n\n" in content or b"\n\r\n" in content:
                return False
            if b"\r" in content and content.count(b"\r") != content.count(b"\r\n"):
                return False
            end = (end + content)[-_LAST_BYTES:]
        last = end.decode(errors="replace").removesuffix("\n").removesuffix("\r")
        return last == last.rstrip()


def whole_lines(file: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield whole lines of a file, about so many bytes at a time."""
    while content := file.read(size) + file.readline():
        yield content


@contextmanager
def _read_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FembError(f"cannot read the pair file {path}: {error.strerror}", hint="check the path") from error
