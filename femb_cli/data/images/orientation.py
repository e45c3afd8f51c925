"""The EXIF orientation of a photo: how a camera was held, so that the picture has to be turned to be upright."""

from PIL import Image

ORIENTATION_TAG = 0x0112

_TO_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""CIPA DC-008 (Exif 2.32), tag Orientation; Pillow turns counter-clockwise."""


def orientation(image: Image.Image) -> int:
    """Return the tag's value, from 1 to 8; 1, upright, where it is missing, invalid or unreadable."""
    try:
        value = image.getexif().get(ORIENTATION_TAG)
    # Pillow's EXIF parser raises many kinds of exceptions; the picture itself is intact.
    except Exception:
        return 1
    return value if value in _TO_UPRIGHT else 1


def turn_upright(image: Image.Image, orientation: int) -> Image.Image:
    """Turn an image by the tag's value."""
    transposition = _TO_UPRIGHT.get(orientation)
    return image if transposition is None else image.transpose(transposition)
