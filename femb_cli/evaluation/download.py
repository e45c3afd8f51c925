"""Download a file: continue where an earlier attempt ended, and give the file its name only when it is complete."""

import http.client
import urllib.error
import urllib.request
from pathlib import Path
from typing import BinaryIO

from femb_cli.errors import FembError
from femb_cli.progress import Progress

BLOCK = 1 << 16
TIMEOUT_SECONDS = 30


def download(url: str, target: Path, *, progress: Progress | None = None) -> int:
    """Download `url` to `target`, and continue the file `target.part` of an earlier attempt.

    Args:
        url: http or https.
        target: the file to write; its folder is created if needed.
        progress: called with the bytes done and the total (0 if the server does not say).

    Returns:
        The file's size in bytes.

    Raises:
        FembError: the server cannot be reached, refuses, or ends early.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    try:
        _fetch(url, part, progress)
    except urllib.error.HTTPError as error:
        raise FembError(f"{url} answers {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise FembError(f"cannot download {url}: {reason}") from error
    part.replace(target)
    return target.stat().st_size


def _fetch(url: str, part: Path, progress: Progress | None) -> None:
    """Download the rest of the part file, or the whole file if the server does not support ranges."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # the part is longer than the published file: start over
            part.unlink()
            return _fetch(url, part, progress)
        raise
    with response:
        resumed = have and response.status == 206
        if not resumed:
            have = 0
        length = response.headers.get("Content-Length")
        total = have + int(length) if length else 0
        with part.open("ab" if resumed else "wb") as file:
            have = _copy(response, file, have, total, progress)
    if total and have != total:
        raise OSError(f"the connection ended after {have:,} of {total:,} bytes")


def _copy(response: BinaryIO, file: BinaryIO, have: int, total: int, progress: Progress | None) -> int:
    """Append the response to the file, and return the file's size."""
    while block := response.read(BLOCK):
        file.write(block)
        have += len(block)
        if progress is not None:
            progress(have, total)
    return have
