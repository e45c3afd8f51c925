"""From images of any kind to aligned faces: aligned images pass, and in photos the face is found and aligned.

Shape suffix: S x S pixels of an aligned face, 112 x 112 if it was cut out of a photo.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from femb_cli.data.images.decode import ALIGNED_SIZE
from femb_cli.data.survey import is_aligned, is_photo
from femb_cli.errors import FembError
from femb_cli.faces.align import align_faces, crop_size
from femb_cli.faces.aligned_source import cut_out
from femb_cli.faces.choose import Choice, OneFace, choose_faces
from femb_cli.faces.face import Face, PhotoFaces
from femb_cli.faces.find import FaceFinder
from femb_cli.faces.load import load_face_finder
from femb_cli.faces.locate import find_faces
from femb_cli.inference.image_input import ImageInput, OneImage

logger = logging.getLogger("femb")

Align = Literal["auto", "never", "always"]
"""Which images are photos, in which the face is found first. `auto`: those that are larger than 112 x 112 pixels and do
not have the network's input size; `never`: none, so that other sizes are resized; `always`: all."""


@dataclass(frozen=True, eq=False)
class FaceImage:
    """An aligned face.

    Attributes:
        name: the image's name, for messages.
        pixels_SS3: uint8 RGB.
        face: where it was found in the photo; None if the image was taken as an aligned face.
        num_faces: how many faces were found in the photo; 0 if nobody looked.
    """

    name: str
    pixels_SS3: NDArray[np.uint8]
    face: Face | None = None
    num_faces: int = 0


@dataclass(frozen=True, eq=False, repr=False)
class EmbeddedFace(Face):
    """A face of a photo, with its box, landmarks and score, and its embedding.

    Attributes:
        crop: the aligned face, uint8 RGB (112, 112, 3).
        embedding: its raw embedding, float32 (D,).
    """

    crop: NDArray[np.uint8]
    embedding: NDArray[np.float32]

    @property
    def _shown(self) -> str:
        return f"{super()._shown}, embedding of {len(self.embedding)} numbers"


class FaceReader:
    """Read images of any kind as aligned faces; the detector is loaded for the first photo.

    Args:
        input_size: the network's input, in pixels.
        detector: `mtcnn`, `yunet` or the path of YuNet's ONNX file, see `load_face_finder`.
    """

    def __init__(self, input_size: int, detector: str | Path = "mtcnn") -> None:
        self.input_size, self.detector = input_size, detector

    def read(self, image: OneImage, *, align: Align = "auto", choice: OneFace = "main") -> FaceImage:
        """Return an image's aligned face; of several faces in a photo the one that `choice` names.

        Raises:
            FembError: the image cannot be read, or a photo shows no face.
        """
        opened = ImageInput.of(image)
        size, aligned_sizes = opened.size(), (self.input_size,)
        if align == "never" or (align == "auto" and not is_photo(size, aligned_sizes)):
            wanted = None if is_aligned(size, aligned_sizes) else self._crop_size
            return FaceImage(opened.name, opened.as_aligned(wanted))
        found = self._find(opened)
        if found.faces:
            (face,) = _choose(found, choice)
            return FaceImage(opened.name, self._cut_out(opened, face), face, len(found.faces))
        raise FembError(
            f"no face found in {opened.name}",
            hint=f"an image of {ALIGNED_SIZE} x {ALIGNED_SIZE} pixels is taken as an aligned face; --align never (in"
            ' Python align="never") takes every image as one',
        )

    def read_all(self, images: Iterable[OneImage], *, align: Align = "auto") -> Iterator[FaceImage]:
        """Yield the aligned face of each image; log a warning where a photo shows several, because one is taken.

        Raises:
            FembError: as `read`.
        """
        for image in images:
            face = self.read(image, align=align)
            if face.num_faces > 1:
                logger.warning(f"{face.name} shows {face.num_faces} faces: the main one is taken")
            yield face

    def read_faces(self, photo: OneImage) -> list[tuple[Face, NDArray[np.uint8]]]:
        """Return all faces of a photo with their aligned crops, uint8 RGB (112, 112, 3), the largest first.

        Raises:
            FembError: the photo cannot be read.
        """
        opened = ImageInput.of(photo)
        return [(face, self._cut_out(opened, face)) for face in _choose(self._find(opened), "all")]

    def _find(self, opened: ImageInput) -> PhotoFaces:
        """Find the faces of a photo, in a file's bytes as `femb embed` does."""
        if isinstance(opened.content, bytes):
            return find_faces(opened.content, self._find_faces, opened.name)
        photo_HW3 = opened.as_photo()
        return PhotoFaces(photo_HW3.shape[1], photo_HW3.shape[0], tuple(self._find_faces([photo_HW3])[0]))

    def _cut_out(self, opened: ImageInput, face: Face) -> NDArray[np.uint8]:
        if isinstance(opened.content, bytes):
            return cut_out(opened.content, face, size=self._crop_size, name=opened.name)
        return align_faces(opened.as_photo(), [face.landmarks], self._crop_size)[0]

    @cached_property
    def _find_faces(self) -> FaceFinder:
        return load_face_finder(self.detector)

    @property
    def _crop_size(self) -> int:
        return crop_size(self.input_size)


def _choose(found: PhotoFaces, choice: Choice) -> list[Face]:
    return choose_faces(found.faces, choice, width=found.width, height=found.height)
