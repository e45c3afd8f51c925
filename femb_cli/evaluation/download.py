"""Download a file: continue where an earlier attempt ended, and give the file its name only when it is complete.

The bytes so far are in `NAME.part`, and `NAME.part.json` beside it says which version of the file they belong to. Bytes
of another or of an unknown version are not continued. The part is locked, so that two downloads never mix.
"""

import http.client
import json
import os
import re
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from femb_cli.errors import FembError
from femb_cli.files import cannot_write, file_sha256, is_only_writer, leads_to, sync
from femb_cli.progress import Progress

BLOCK = 1 << 16
TIMEOUT_SECONDS = 30
WAIT_SECONDS = 0.1
"""Between two looks at a download of the same file by another process."""

_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


@dataclass(frozen=True)
class _Version:
    """A version of the published file.

    Attributes:
        url: its address.
        tag: its ETag, or without one its Last-Modified.
        total: its size in bytes.
    """

    url: str
    tag: str
    total: int


def download(url: str, target: Path, *, sha256: str | None = None, progress: Progress | None = None) -> int:
    """Download `url` to `target`, and continue the file `target.part` of an earlier attempt.

    If another process downloads the same file, wait for it and use its result.

    Args:
        url: its address, http or https.
        target: the file to write; its folder is created if needed, and an existing file is replaced.
        sha256: the checksum that the file must have, hexadecimal; None if it is not known.
        progress: called with the bytes done and the total (0 if the server does not say).

    Returns:
        The file's size in bytes.

    Raises:
        FembError: the server cannot be reached, refuses, or ends early, the file has another checksum, or it cannot
            be written.
    """
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if (file := _open_alone(part, target, progress)) is not None:
            with file:
                _fetch(url, file, _note_of(part), progress)
                _check(part, url, sha256)
                sync(part)
                _note_of(part).unlink(missing_ok=True)
                part.replace(target)
                sync(target.parent)
        return target.stat().st_size
    except urllib.error.HTTPError as error:
        raise FembError(f"cannot download {url} to {target}: it answers {error.code} {error.reason}") from error
    # urllib raises a ValueError for an address that it does not understand.
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        reason = getattr(reason, "strerror", None) or reason  # without the number of the error
        hint = cannot_write(target, error).hint if isinstance(error, OSError) else None
        raise FembError(f"cannot download {url} to {target}: {reason}", hint=hint) from error


def _open_alone(part: Path, target: Path, progress: Progress | None) -> BinaryIO | None:
    """Open the part file to append to it, as its only writer.

    Returns:
        The open file; None if another process has downloaded the target meanwhile.
    """
    before = _identity(target)
    while True:
        file = part.open("ab")
        try:
            while not is_only_writer(file.fileno()):
                if progress is not None:
                    progress(os.fstat(file.fileno()).st_size, 0)
                time.sleep(WAIT_SECONDS)
            is_named = leads_to(part, file.fileno())  # not if the other process has renamed it
            is_done = _identity(target) not in (None, before)
            if is_named and not is_done:
                return file
            if is_named and not os.fstat(file.fileno()).st_size:
                part.unlink()
        except BaseException:
            file.close()
            raise
        file.close()
        if is_done:
            return None


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what identifies a file whatever it is called; None if there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _note_of(part: Path) -> Path:
    """Return the file that says which version of the published file the part belongs to."""
    return part.with_name(f"{part.name}.json")


def _fetch(url: str, file: BinaryIO, note: Path, progress: Progress | None) -> None:
    """Download the rest of the part file, or the whole file if the part cannot be continued."""
    have, version = os.fstat(file.fileno()).st_size, _read_note(note)
    response = _ask_for_rest(version, have) if version is not None and version.url == url and have else None
    if version is None or response is None:
        have, response = 0, urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS)
        total = _begin(url, file, note, response)
    else:
        total = version.total
    with response:
        while block := response.read(BLOCK):
            file.write(block)
            have += len(block)
            if progress is not None:
                progress(have, total)
    file.flush()
    if total and have != total:
        raise OSError(f"the connection ended after {have:,} of {total:,} bytes")


def _ask_for_rest(version: _Version, have: int) -> http.client.HTTPResponse | None:
    """Ask for the bytes after the first `have`; None if the server answers with anything else than those."""
    headers = {"Range": f"bytes={have}-", "If-Range": version.tag}
    try:
        response = urllib.request.urlopen(urllib.request.Request(version.url, headers=headers), timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:  # the published file has no such bytes
            return None
        raise
    found = _CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
    is_rest = found is not None and (int(found[1]), int(found[2])) == (have, version.total)
    # The standard lets a server leave Last-Modified out of this answer.
    is_same = _tag(response) == version.tag or (_tag(response) is None and not version.tag.startswith('"'))
    if response.status == 206 and is_rest and is_same:
        return response
    response.close()
    return None


def _begin(url: str, file: BinaryIO, note: Path, response: http.client.HTTPResponse) -> int:
    """Empty the part file and note the version that it will hold.

    Returns:
        The size of the published file in bytes; 0 if the server does not say.
    """
    if response.status not in (200, None):  # None: not http
        raise OSError(f"it answers {response.status} {response.reason}")
    note.unlink(missing_ok=True)
    file.truncate(0)
    total, tag = int(response.headers.get("Content-Length") or 0), _tag(response)
    if tag and total:
        note.write_text(json.dumps(asdict(_Version(url, tag, total))), encoding="utf-8")
    return total


def _tag(response: http.client.HTTPResponse) -> str | None:
    """Return what identifies the version that a server sends: a strong ETag, Last-Modified or None."""
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified")


def _read_note(note: Path) -> _Version | None:
    """Read which version the part file belongs to; None if that is not known."""
    try:
        match json.loads(note.read_bytes()):
            case {"url": str() as url, "tag": str() as tag, "total": int() as total}:
                return _Version(url, tag, total)
    except (FileNotFoundError, ValueError, RecursionError):
        pass
    return None


def _check(part: Path, url: str, sha256: str | None) -> None:
    """Remove the part and raise an error if the file is not the published one."""
    if sha256 is not None and (checksum := file_sha256(part)) != sha256:
        _note_of(part).unlink(missing_ok=True)
        part.unlink()
        raise FembError(
            f"{url} is not the published file: its SHA-256 is {checksum}, and {sha256} is published",
            hint="download it from another place",
        )
