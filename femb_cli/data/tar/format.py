"""The binary format of tar: a header of 512 bytes before each member, read without loading any member.

A size or a name that does not fit into a header is in an extra one before it: GNU's long name, or a pax header of
records `LENGTH KEY=VALUE`. Python's `tarfile` takes a damaged header for the end of the archive and reads extra headers
of any length into memory, so femb reads the headers itself.

Source: POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar, "Basic Tar Format".
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from femb_cli.errors import FembError

BLOCK = 512
_READ = 2 * BLOCK
_MOST_EXTRA_BYTES = 2**20
_ZEROS = bytes(BLOCK)
_FILES, _FOLDER, _LONG_NAME, _LONG_LINK, _GLOBAL = b"0\x007", b"5", b"L", b"K", b"g"
_PAX, _IGNORED = b"xX", b"VD"  # a label of the volume; a list of the names in a folder
_LINKS, _DEVICES = b"12", b"346"
_DAMAGED = "it is damaged or cut short: download it again"
_UNPACK = "unpack it, and name the folder"


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive.

    Attributes:
        name: Its path, with '/'.
        offset: Where its bytes start in the archive.
        size: Number of its bytes.
        start: Its first bytes, up to 512.
    """

    name: str
    offset: int
    size: int
    start: bytes


@dataclass(frozen=True, slots=True)
class _Extra:
    """What the extra headers before a member state."""

    name: str | None = None
    size: int | None = None


def is_tar_header(block: bytes) -> bool:
    """Whether a block of 512 bytes is the header of a member: its checksum is right."""
    stated = _octal(block[148:156]) if len(block) == BLOCK else None
    if stated is None or block == _ZEROS:
        return False
    rest = block[:148] + block[156:]
    total = sum(rest) + 256
    return stated == total or stated == total - 256 * sum(byte > 127 for byte in rest)  # old programs: signed bytes


def read_members(path: Path) -> Iterator[Member]:
    """Yield the files in an archive, in their order; folders are left out.

    Raises:
        FembError: The archive is damaged or cut short, holds a link, a device or a sparse file, or cannot be read.
    """
    try:
        with path.open("rb", buffering=0) as file:
            yield from _read_members(file.fileno(), path)
    except OSError as error:
        raise FembError(f"cannot read {path}: {error.strerror}") from error


def _read_members(descriptor: int, path: Path) -> Iterator[Member]:
    length = os.fstat(descriptor).st_size
    position, extra = 0, _Extra()
    while position < length:
        data = os.pread(descriptor, _READ, position)
        header = data[:BLOCK]
        if header == _ZEROS:
            _check_end(descriptor, position, length, path)
            return
        if not is_tar_header(header):
            raise _damage(path, position, header)
        kind, size = header[156:157], _size_of(header, extra, path, position)
        start = position + BLOCK
        if start + size > length:
            name = extra.name or _name_of(header)
            raise FembError(f"{path} is cut short: {name!r} in it states {size:,} bytes", hint=_DAMAGED)
        position = start + (size + BLOCK - 1) // BLOCK * BLOCK
        if kind in (_LONG_NAME, _GLOBAL) or kind in _PAX:
            extra = _read_extra(kind, _content(descriptor, start, size, path), extra, path)
        elif kind not in _LONG_LINK:
            if _is_file(kind, header, extra, path):
                yield Member(extra.name or _name_of(header), start, size, data[BLOCK : BLOCK + size])
            extra = _Extra()
    raise FembError(
        f"{path} has no end mark, so that members may be missing",
        hint="it may be cut short: download it again, or if it is whole, unpack it and name the folder",
    )


def _is_file(kind: bytes, header: bytes, extra: _Extra, path: Path) -> bool:
    """Whether a member is a file, and neither a folder nor a remark; what could be no or another file is refused."""
    name = extra.name or _name_of(header)
    if kind in _FILES:
        return not name.endswith("/")  # which meant a folder before there was a kind for it
    if kind == _FOLDER or kind in _IGNORED:
        return False
    what = "is a link" if kind in _LINKS else "is a device" if kind in _DEVICES else f"is of the kind {kind!r}"
    if kind == b"S":
        what = "is a sparse file"
    raise FembError(f"{name!r} in {path} {what}, which femb does not read from an archive", hint=_UNPACK)


def _read_extra(kind: bytes, content: bytes, extra: _Extra, path: Path) -> _Extra:
    """Add what an extra header states about the next member."""
    if kind == _LONG_NAME:
        return replace(extra, name=_text(content.split(b"\0", 1)[0]))
    records = _pax_records(content, path)
    if sparse := next((key for key in records if key.startswith(b"GNU.sparse")), None):
        raise FembError(f"{path} holds a sparse file ({_text(sparse)!r}), which femb does not read", hint=_UNPACK)
    if kind == _GLOBAL:
        if records.keys() & {b"path", b"size"}:
            raise FembError(f"{path} gives all its members one path or size", hint=_DAMAGED)
        return extra
    size = records.get(b"size")
    if size is not None and not (size.isdigit() and len(size) < 19):
        raise FembError(f"{path} states a size of {size!r} bytes", hint=_DAMAGED)
    name = records.get(b"path")
    return _Extra(extra.name if name is None else _text(name), extra.size if size is None else int(size))


def _pax_records(content: bytes, path: Path) -> dict[bytes, bytes]:
    records, position = {}, 0
    while position < len(content) and content[position]:
        digits, space, _ = content[position : position + 8].partition(b" ")
        end = position + int(digits) if space and digits.isdigit() else 0
        key, equals, value = content[position + len(digits) + 1 : end].partition(b"=")
        if not equals or end > len(content) or not value.endswith(b"\n"):
            raise FembError(f"{path} has a damaged pax header", hint=_DAMAGED)
        records[key], position = value[:-1], end
    return records


def _content(descriptor: int, start: int, size: int, path: Path) -> bytes:
    if size > _MOST_EXTRA_BYTES:
        raise FembError(f"{path} has a header of {size:,} bytes, too many for the name of a member", hint=_DAMAGED)
    return os.pread(descriptor, size, start)


def _size_of(header: bytes, extra: _Extra, path: Path, position: int) -> int:
    """Return the size of a member; of other kinds than files it is stated, too, and may be meaningless."""
    if header[156:157] in _LINKS + _DEVICES + _FOLDER:
        return 0
    stated = header[124:136]
    size = int.from_bytes(stated[1:]) if stated[0] == 0x80 else _octal(stated)
    if size is None:
        raise _damage(path, position, header)
    return size if extra.size is None else extra.size


def _name_of(header: bytes) -> str:
    name = header[:100].split(b"\0", 1)[0]
    prefix = header[345:500].split(b"\0", 1)[0] if header[257:263] == b"ustar\0" else b""
    return _text(prefix + b"/" + name if prefix else name)


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _octal(field: bytes) -> int | None:
    digits = field.split(b"\0", 1)[0].strip()
    if digits.strip(b"01234567"):
        return None
    return int(digits or b"0", 8)


def _check_end(descriptor: int, position: int, length: int, path: Path) -> None:
    """Refuse anything but zeros after the end mark, as in archives that were joined with `cat`."""
    while position < length and (data := os.pread(descriptor, 2**20, position)):
        if data.count(0) < len(data):
            raise FembError(
                f"{path} holds more after its end mark, as several archives joined with cat do",
                hint="unpack it with tar --ignore-zeros, and name the folder",
            )
        position += len(data)


def _damage(path: Path, position: int, header: bytes) -> FembError:
    if position == 0:
        return FembError(
            f"{path} is not a tar archive: it starts with {header[:16]!r}", hint="is it a failed download?"
        )
    return FembError(f"{path} is damaged: no member starts at byte {position:,}", hint=_DAMAGED)
