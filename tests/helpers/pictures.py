"""Small images, and folders of them."""

import io
from pathlib import Path

from PIL import Image

HEIC_STUB = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(500)
"""A file that starts as a HEIC image and holds none."""


def encode(shade: int, size: tuple[int, int] = (40, 40), form: str = "JPEG", **options: object) -> bytes:
    """Return an encoded image of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", size, (shade % 256, 255 - shade % 256, 0)).save(buffer, form, **options)
    return buffer.getvalue()


def people(folder: Path, counts: dict[str, int]) -> Path:
    """Write a folder for each person with the given number of images, all different."""
    shade = 0
    for person, count in counts.items():
        (folder / person).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            (folder / person / f"{number}.jpg").write_bytes(encode(shade, (40 + shade // 256, 40)))
            shade += 1
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file below a folder, by relative path."""
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
