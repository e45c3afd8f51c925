"""Write record files in the format of MXNet, without MXNet."""

import struct
from pathlib import Path

MAGIC = bytes.fromhex("0a23d7ce")


def part(data: bytes, kind: int = 0) -> bytes:
    return MAGIC + struct.pack("<I", kind << 29 | len(data)) + data + b"\0" * (-len(data) % 4)


def record(payload: bytes) -> bytes:
    """Return a record, split at every magic number at a multiple of four."""
    pieces, start = [], 0
    for position in range(0, len(payload) - 3, 4):
        if payload[position : position + 4] == MAGIC:
            pieces.append(payload[start:position])
            start = position + 4
    pieces.append(payload[start:])
    kinds = [0] if len(pieces) == 1 else [1] + [2] * (len(pieces) - 2) + [3]
    return b"".join(part(piece, kind) for piece, kind in zip(pieces, kinds, strict=True))


def image(label: float | list[float], content: bytes, number: int = 0) -> bytes:
    """Return the payload of an image record; a list of labels gives a flag above 0."""
    labels = label if isinstance(label, list) else []
    scalar = 0.0 if labels else label
    return struct.pack(f"<IfQQ{len(labels)}f", len(labels), scalar, number, 0, *labels) + content


def write(folder: Path, payloads: list[bytes], keys: list[int] | None = None) -> Path:
    """Write `train.rec`, and with keys its index, whose lines come in the reverse order of the records."""
    offsets, data = [], b""
    for payload in payloads:
        offsets.append(len(data))
        data += record(payload)
    (folder / "train.rec").write_bytes(data)
    if keys is not None:
        lines = [f"{key}\t{offset}\n" for key, offset in zip(keys, offsets, strict=True)]
        (folder / "train.idx").write_text("".join(reversed(lines)))
    return folder / "train.rec"
