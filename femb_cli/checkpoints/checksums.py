"""The checksums of a checkpoint's files, by which a changed bit is noticed.

`checksums.json` is written last into a checkpoint. It maps each file's path to its XXH3 (128 bits, hexadecimal). A
checkpoint of an older femb, or a single file, has none and is used unchecked.
"""

import json
from pathlib import Path

import xxhash

CHECKSUMS = "checksums.json"


def write_checksums(checkpoint: Path) -> None:
    """Write the checksums of all files of a checkpoint's directory into it."""
    files = sorted(path for path in checkpoint.rglob("*") if path.is_file())
    sums = {file.relative_to(checkpoint).as_posix(): file_xxh3(file) for file in files}
    (checkpoint / CHECKSUMS).write_text(json.dumps({"xxh3_128": sums}, indent=2) + "\n", encoding="utf-8")


def find_damage(checkpoint: Path, *names: str) -> str | None:
    """Compare files of a checkpoint with their checksums.

    Args:
        checkpoint: its directory.
        names: the files to compare; none: all that have a checksum.

    Returns:
        What is wrong with the first damaged file; None if nothing is, or if the checkpoint has no checksums.
    """
    if not (checkpoint / CHECKSUMS).exists():
        return None
    try:
        sums = _read_checksums(checkpoint / CHECKSUMS)
        for name in names or sums:
            if name not in sums:
                return f"{CHECKSUMS} does not name {name}"
            if not (checkpoint / name).is_file():
                return f"{name} is missing"
            if file_xxh3(checkpoint / name) != sums[name]:
                return f"{name} is not as it was saved"
    except (OSError, ValueError) as error:
        return f"{CHECKSUMS} or a file that it names cannot be read ({error})"
    return None


def file_xxh3(file: Path) -> str:
    """Return the XXH3 (128 bits) of a file, in hexadecimal."""
    digest = xxhash.xxh3_128()
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _read_checksums(file: Path) -> dict[str, str]:
    match json.loads(file.read_text(encoding="utf-8")):
        case {"xxh3_128": dict() as sums}:
            return sums
    raise ValueError(f"{CHECKSUMS} has no checksums")
