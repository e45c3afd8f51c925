"""A source of aligned faces whose landmarks a list states, as those of IJB-B and IJB-C do: no detector is needed.

Shape suffix: N images.
"""

import io
from functools import cached_property

import numpy as np
import xxhash
from numpy.typing import NDArray
from PIL import Image

from femb_cli.data.identities import Identities
from femb_cli.data.images.decode import ALIGNED_SIZE
from femb_cli.data.source import ComputedNames, ImageName, ImageSource, names_of
from femb_cli.faces.aligned_source import cut_out
from femb_cli.faces.face import Face


class LandmarkCrops:
    """Faces that are cut out of the images of a source by stated landmarks, when they are read.

    Args:
        source: the images.
        rows_N: row of each image in the source, int64.
        landmarks_N52: x and y of the five landmarks of each face, in pixels of the upright image, see `Face`.
        stated_by: what states the landmarks, for a description.
        size: height and width of the crops, a multiple of 112 pixels.
    """

    def __init__(
        self,
        source: ImageSource,
        rows_N: NDArray[np.int64],
        landmarks_N52: NDArray[np.float32],
        *,
        stated_by: str,
        size: int = ALIGNED_SIZE,
    ) -> None:
        self.source, self.kind, self.path, self.rows_N = source, source.kind, source.path, rows_N
        self.alignment = f"landmarks of {stated_by}"
        self._landmarks_N52, self._size = landmarks_N52, size

    @cached_property
    def names(self) -> ComputedNames:
        """The names of the images."""

        def names(places_N: NDArray[np.int64]) -> list[str]:
            return names_of(self.source, self.rows_N[places_N])

        return ComputedNames(len(self), lambda place: names(np.array([place]))[0], names)

    @property
    def identities(self) -> Identities | None:
        """The identities of the images."""
        of_images = self.source.identities
        return None if of_images is None else Identities(of_images.names, of_images.labels_N[self.rows_N])

    def __len__(self) -> int:
        return len(self.rows_N)

    def read(self, index: int) -> bytes:
        """Return one encoded face.

        Raises:
            FembError: the image cannot be read, or its landmarks cannot be aligned.
        """
        row = int(self.rows_N[index])
        face = Face(np.zeros(4), self._landmarks_N52[index].astype(np.float64), 1.0)
        crop_SS3 = cut_out(self.source.read(row), face, size=self._size, name=ImageName(self.source, row))
        encoded = io.BytesIO()
        Image.fromarray(crop_SS3).save(encoded, "ppm")
        return encoded.getvalue()

    @cached_property
    def derivation(self) -> str:
        """A checksum of the images' rows and landmarks."""
        content = xxhash.xxh3_128(f"{self.alignment} {self._size}".encode())
        content.update(np.ascontiguousarray(self.rows_N).data)
        content.update(np.ascontiguousarray(self._landmarks_N52).data)
        return content.hexdigest()
