"""The format of an encoded image, known by its first bytes."""

import re

START_BYTES = 64
"""As many bytes of a file are enough to know its format."""

_STARTS = {
    "JPEG": (b"\xff\xd8\xff",),
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "GIF": (b"GIF87a", b"GIF89a"),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
}
_PNM = re.compile(rb"P[2356]\s+(?:#|\d+\s+\d+\s+\d{1,5}\s)")
_BMP = re.compile(rb"BM.{4}\0{4}.{4}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", re.DOTALL)
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}


def image_format(start: bytes) -> str | None:
    """Return the format of an image: JPEG, PNG, GIF, TIFF, WEBP, AVIF, HEIC, BMP or PNM; None for anything else.

    Short marks that other files could begin with, `BM` and `P5`, count only with a plausible header behind them.

    Args:
        start: The first `START_BYTES` bytes of the file, or all of a shorter one.
    """
    for name, starts in _STARTS.items():
        if start.startswith(starts):
            return name
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WEBP"
    if start[4:8] == b"ftyp":
        return _format_of_brands(start)
    if _BMP.match(start):
        return "BMP"
    return "PNM" if _PNM.match(start) else None


def _format_of_brands(start: bytes) -> str | None:
    """Return the format that the brands of an ISO media file state: AVIF, HEIC, or None for a film."""
    length = min(int.from_bytes(start[:4]), len(start))
    major, *compatible = (start[place : place + 4] for place in (8, *range(16, length - 3, 4)))
    if major not in _AVIF_BRANDS | _HEIC_BRANDS:
        return None
    return "AVIF" if _AVIF_BRANDS & {major, *compatible} else "HEIC"
