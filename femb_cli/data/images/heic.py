"""HEIC, in which iPhones store photos: Pillow reads it with the package pillow-heif, an extra of femb."""

from functools import cache
from importlib.util import find_spec

INSTALL = "pip install pillow-heif"
"""The command that makes HEIC readable."""


@cache
def can_read_heic() -> bool:
    """Whether pillow-heif is installed."""
    return find_spec("pillow_heif") is not None


@cache
def teach_pillow_heic() -> None:
    """Register HEIC with Pillow, once per process and only when an image needs it: the import takes 0.1 s."""
    from pillow_heif import register_heif_opener

    register_heif_opener()
