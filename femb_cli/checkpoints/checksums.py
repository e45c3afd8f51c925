"""The checksums of a checkpoint's files, by which a changed bit is noticed.

`checksums.json` is written last into a checkpoint. It maps each file's path to its XXH3 (128 bits, hexadecimal). A
checkpoint of an older femb, or a single file, has none and is used unchecked; in a run that has a `run.json`, every
checkpoint has checksums.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import xxhash

from femb_cli.checkpoints.runs import RUN_INFO
from femb_cli.errors import FembError

CHECKSUMS = "checksums.json"


def write_checksums(checkpoint: Path) -> None:
    """Write the checksums of all files of a checkpoint's directory into it."""
    (checkpoint / CHECKSUMS).write_text(checksums_text(checkpoint), encoding="utf-8")


def restate_checksum(checkpoint: Path, copy: Path, name: str) -> None:
    """Write the checksums of a checkpoint into its copy, in which one file has changed."""
    sums = {**_read_checksums(checkpoint / CHECKSUMS), name: file_xxh3(copy / name)}
    (copy / CHECKSUMS).write_text(_to_text(sums), encoding="utf-8")


def checksums_text(checkpoint: Path) -> str:
    """Read all files of a checkpoint's directory and return the content of its `checksums.json`."""
    files = sorted(path for path in checkpoint.rglob("*") if path.is_file())
    return _to_text({file.relative_to(checkpoint).as_posix(): file_xxh3(file) for file in files})


def find_damage(checkpoint: Path, *names: str, required: Sequence[str] = ()) -> str | None:
    """Compare files of a checkpoint with their checksums.

    Args:
        checkpoint: its directory.
        names: the files to compare; none: all that have a checksum.
        required: files that must have a checksum.

    Returns:
        What is wrong with the first damaged file; None if nothing is, or if the checkpoint is of an older femb and
        has no checksums.

    Raises:
        FembError: the system cannot read a file, which says nothing about its content.
    """
    try:
        if not (checkpoint / CHECKSUMS).exists():
            return f"{CHECKSUMS} is missing" if (checkpoint.parent.parent / RUN_INFO).exists() else None
        sums = _read_checksums(checkpoint / CHECKSUMS)
        for name in (*names, *required):
            if name not in sums:
                return f"{CHECKSUMS} does not name {name}"
        for name in names or sums:
            if not (checkpoint / name).is_file():
                return f"{name} is missing"
            if file_xxh3(checkpoint / name) != sums[name]:
                return f"{name} is not as it was saved"
    except (ValueError, RecursionError) as error:
        return f"{CHECKSUMS} cannot be understood ({error})"
    except OSError as error:
        raise cannot_read(checkpoint, error) from error
    return None


def cannot_read(checkpoint: Path, error: OSError) -> FembError:
    """Return the error for a checkpoint that the system cannot read."""
    return FembError(
        f"cannot read {error.filename or checkpoint}: {error.strerror or error}",
        hint="try again; if its disk has failed there, move this checkpoint away to go on from an older one",
    )


def file_xxh3(file: Path) -> str:
    """Return the XXH3 (128 bits) of a file, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, xxhash.xxh3_128).hexdigest()


def _to_text(sums: dict[str, str]) -> str:
    return json.dumps({"xxh3_128": sums}, indent=2) + "\n"


def _read_checksums(file: Path) -> dict[str, str]:
    if not file.is_file():
        raise ValueError("it is not a regular file")
    match json.loads(file.read_text(encoding="utf-8")):
        case {"xxh3_128": dict() as sums}:
            return sums
    raise ValueError(f"{CHECKSUMS} has no checksums")
