"""Tar archives of small images."""

import io
import tarfile
from pathlib import Path

from pictures import encode

PEOPLE = 3


def write_tar(path: Path, members: dict[str, bytes], mode: str = "w", **options: int) -> Path:
    """Write an archive; `mode` is that of `tarfile.open`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode, **options) as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def samples(count: int, start: int = 0) -> dict[str, bytes]:
    """Return samples of a WebDataset: image `n` has the shade n and the label n modulo `PEOPLE`."""
    members = {}
    for number in range(start, start + count):
        members[f"{number:06d}.jpg"] = encode(number)
        members[f"{number:06d}.cls"] = str(number % PEOPLE).encode()
    return members
