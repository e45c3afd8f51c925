"""The images of some embeddings, found by their names, as thumbnails for a page.

Shape suffixes: H and W pixels.
"""

from base64 import b64encode
from collections.abc import Collection
from io import BytesIO

from PIL import Image

from femb_cli.data.images.decode import decode_image
from femb_cli.data.names import photo_of
from femb_cli.data.source import ImageSource
from femb_cli.errors import FembError

SIZE = 64
"""Height of a thumbnail in pixels; it takes about 2 kB in a page."""

_JPEG_QUALITY = 75


class Pictures:
    """Thumbnails of the images of a source, by name.

    Args:
        source: the images.
        faces: the aligned faces of those that are photos, by the names of the embeddings; None: all are shown as they
            are.
    """

    def __init__(self, source: ImageSource, faces: ImageSource | None = None) -> None:
        self.source = source
        self._images = source if faces is None else faces
        self._row_of = {name: row for row, name in enumerate(self._images.names)}

    def check_names(self, names: Collection[str], where: object) -> None:
        """Refuse images that are those of other embeddings: none of the names is among them.

        Args:
            names: the names of the embeddings.
            where: the embeddings' file, for the error.

        Raises:
            FembError: none of the names is that of an image.
        """
        if not any(name in self._row_of or photo_of(name) in self._row_of for name in names):
            raise FembError(
                f"none of the {len(names):,} names of {where} is in {self.source.path}: the first name is"
                f" {next(iter(names))!r}, the first image there {self.source.names[0]!r}",
                hint="--images names the folder or the archive that was embedded",
            )

    def read(self, name: str) -> bytes:
        """Return an encoded image.

        Raises:
            FembError: there is none of this name, or it cannot be read.
        """
        if name not in self._row_of:
            raise FembError(f"{name} is not in {self.source.path}")
        return self._images.read(self._row_of[name])

    def thumbnail(self, name: str) -> str:
        """Return an image as a data URI of JPEG; empty if there is none of this name, or if it cannot be read."""
        try:
            return data_uri(thumbnail(self.read(name), name))
        except FembError:
            return ""


def thumbnail(encoded: bytes, name: str) -> Image.Image:
    """Return a small copy of an encoded image, turned upright, at most `SIZE` pixels high and four times as wide.

    Raises:
        FembError: it cannot be decoded.
    """
    image = Image.fromarray(decode_image(encoded, size=None, name=name, upright=True))
    image.thumbnail((4 * SIZE, SIZE), Image.Resampling.LANCZOS)
    return image


def data_uri(image: Image.Image) -> str:
    """Return an image as a data URI of JPEG."""
    encoded = BytesIO()
    image.save(encoded, "JPEG", quality=_JPEG_QUALITY)
    return f"data:image/jpeg;base64,{b64encode(encoded.getvalue()).decode()}"
