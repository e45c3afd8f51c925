"""Images in a zip archive, read from a memory map without extracting the archive.

Python's `zipfile` reads the table of contents. femb reads the members itself, because threads and forked processes can
share a memory map, and because it stops inflating a member at the size that the table states.
"""

import mmap
import stat
import struct
import zipfile
import zlib
from collections import Counter
from itertools import pairwise
from pathlib import Path, PurePosixPath, PureWindowsPath

from femb_cli.data.files.images_among_files import images_among
from femb_cli.data.files.layout import read_layout
from femb_cli.data.files.naming import check_text, is_hidden
from femb_cli.data.files.other_formats import no_images_in_archive
from femb_cli.data.images.encoded import MAX_IMAGE_BYTES
from femb_cli.data.images.signature import START_BYTES
from femb_cli.errors import FembError

_ENCRYPTED = 0x1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_START_PACKED_BYTES = 2048
"""Enough of a packed member to unpack its first bytes."""

_LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature, length of the name, length of the extra field


class ZipSource:
    """The images of a zip archive, sorted by name in code-point order.

    `names` are the full names of the members. Which members are images, and who is on them, is known as in
    `FolderSource`.

    Args:
        path: The archive.
        person_folder: The level of the folders that are people, see `read_layout`.

    Attributes:
        found: Who is on the images, and what femb guessed of it.
        unread: Number of visible members that are not images, by ending.

    Raises:
        FembError: The archive is damaged, holds no image, or holds a suspicious member: a name that leads out of the
            archive, a link or a device, encrypted, overlapping or repeated members, or an image of more than 64 MiB.
    """

    kind = "zip"

    def __init__(self, path: str | Path, person_folder: str | None = None) -> None:
        self.path = Path(path)
        self._person_folder = person_folder
        members = sorted(_read_contents(self.path), key=lambda member: member.filename)
        with self.path.open("rb") as file:
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        visible = ((member.filename, member) for member in members if _is_visible_file(member))
        self._members, self.unread = images_among(visible, self._start)
        if not self._members:
            raise no_images_in_archive(self.path, self.unread)
        for member in self._members:
            _check_image(member, self.path)
        self.names = [member.filename for member in self._members]
        self.found = read_layout(self.names, person_folder)
        self.identities = self.found.identities

    def __len__(self) -> int:
        return len(self.names)

    def __reduce__(self) -> tuple[type["ZipSource"], tuple[Path, str | None]]:
        return ZipSource, (self.path, self._person_folder)

    def read(self, index: int) -> bytes:
        """Return one encoded image."""
        member = self._members[index]
        try:
            image = self._inflate(member)
        except (struct.error, zlib.error) as error:
            raise _member_error(member, self.path, f"is damaged ({error})") from error
        if len(image) != member.file_size:
            raise _member_error(member, self.path, f"does not unpack to the {member.file_size} bytes that it claims")
        if zlib.crc32(image) != member.CRC:
            raise _member_error(member, self.path, "is damaged (wrong checksum)")
        return image

    def _start(self, member: zipfile.ZipInfo) -> bytes:
        """Return the first bytes of a member; none if it is damaged, encrypted or packed by another method."""
        if member.flag_bits & _ENCRYPTED or member.compress_type not in _METHODS:
            return b""
        try:
            return self._inflate(member, most_packed=_START_PACKED_BYTES, most=START_BYTES)
        except (struct.error, zlib.error):
            return b""

    def _inflate(self, member: zipfile.ZipInfo, *, most_packed: int | None = None, most: int | None = None) -> bytes:
        """Unpack one member, up to one byte more than the size that the table of contents states.

        Args:
            member: Stored or deflated.
            most_packed: Packed bytes to read at most; None reads all.
            most: Bytes to return at most.
        """
        signature, name_length, extra_length = _LOCAL_HEADER.unpack_from(self._data, member.header_offset)
        if signature != b"PK\x03\x04":
            raise zlib.error("no member starts at its offset")
        start = member.header_offset + _LOCAL_HEADER.size + name_length + extra_length
        packed = self._data[start : start + min(member.compress_size, most_packed or member.compress_size)]
        if member.compress_type == zipfile.ZIP_STORED:
            return packed[:most]
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, most or member.file_size + 1)


def _is_visible_file(member: zipfile.ZipInfo) -> bool:
    return not member.is_dir() and not any(map(is_hidden, member.filename.split("/")))


def _read_contents(path: Path) -> list[zipfile.ZipInfo]:
    """Return the members of an archive, after checking its table of contents."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            end_of_members = archive.start_dir
    # A damaged table of contents raises any of these.
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, struct.error) as error:
        raise FembError(
            f"{path} is not a complete zip archive", hint="it may be cut short: download it again"
        ) from error
    for member in members:
        _check_member(member, path)
    name, times = Counter(member.filename for member in members).most_common(1)[0] if members else ("", 0)
    if times > 1:
        raise FembError(f"{path} holds the name {name!r} {times} times")
    _check_overlap(members, end_of_members, path)
    return members


def _check_member(member: zipfile.ZipInfo, path: Path) -> None:
    """Refuse a member that could do harm if the archive were ever extracted."""
    name = member.filename
    check_text(name, path)
    if "\\" in name or ".." in name.split("/") or PurePosixPath(name).is_absolute() or PureWindowsPath(name).drive:
        raise _member_error(member, path, "has a name that leads out of the archive")
    if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _member_error(member, path, "is a link or a device")


def _check_image(member: zipfile.ZipInfo, path: Path) -> None:
    if member.flag_bits & _ENCRYPTED:
        raise _member_error(member, path, "is encrypted")
    if member.compress_type not in _METHODS:
        raise _member_error(member, path, f"is packed by method {member.compress_type}; femb reads stored and deflated")
    if member.file_size > MAX_IMAGE_BYTES:
        raise _member_error(member, path, f"claims {member.file_size} bytes, too many for one image")


def _check_overlap(members: list[zipfile.ZipInfo], end_of_members: int, path: Path) -> None:
    """Refuse members that share bytes: a zip bomb uses them to unpack a small archive to terabytes."""
    in_file_order = sorted(members, key=lambda member: member.header_offset)
    starts = [member.header_offset for member in in_file_order] + [end_of_members]
    for member, (start, following) in zip(in_file_order, pairwise(starts), strict=True):
        if start + _LOCAL_HEADER.size + member.compress_size > following:
            raise _member_error(member, path, "overlaps another part of the archive")


def _member_error(member: zipfile.ZipInfo, path: Path, reason: str) -> FembError:
    return FembError(f"{member.filename!r} in {path} {reason}")
