"""A source of aligned faces: each image is a face that is cut out of a photo when it is read.

Shapes: N faces.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xxhash
from numpy.typing import NDArray
from PIL import Image

from femb_cli.data.identities import Identities
from femb_cli.data.images.decode import ALIGNED_SIZE, decode_photo
from femb_cli.data.images.encoded import Encoded
from femb_cli.data.source import ComputedNames, HasExtraColumns, ImageName, ImageSource, names_of
from femb_cli.errors import FembError
from femb_cli.faces.align import align_faces, similarity_transform
from femb_cli.faces.face import FACE_VALUES, Face
from femb_cli.faces.locate import full_size

if TYPE_CHECKING:
    import pyarrow as pa

_SAVE_OPTIONS: Mapping[str, Mapping[str, Any]] = {"ppm": {}, "png": {"compress_level": 1}}
_LANDMARK_NAMES = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")


@dataclass(frozen=True, eq=False)
class SourceFace:
    """A face of a source.

    Attributes:
        row: the image's row in the source.
        number: the face's place among the faces of its photo, counted from 1, the largest first; 0 for an image that is
            an aligned face already.
        face: box, landmarks and score; None for an image that is an aligned face already.
    """

    row: int
    number: int = 0
    face: Face | None = None


class AlignedFaces:
    """The faces of a source as aligned images of their own, which lose nothing by their encoding.

    An image that is an aligned face already keeps its bytes.

    Args:
        source: the images.
        faces: the faces, in their order.
        alignment: how the faces were found and chosen, for a description.
        detector: the detector's fingerprint.
        numbered: whether the names end in the number of the face, as `photo.jpg#2`.
        size: height and width of the crops, a multiple of 112 pixels.
        encoding: how crops are encoded: `ppm` takes no time, `png` takes half of the space.
    """

    def __init__(
        self,
        source: ImageSource,
        faces: Sequence[SourceFace],
        *,
        alignment: str,
        detector: str,
        numbered: bool,
        size: int = ALIGNED_SIZE,
        encoding: Literal["ppm", "png"] = "ppm",
    ) -> None:
        self.source, self.kind, self.path, self.faces = source, source.kind, source.path, faces
        self.alignment, self.detector, self._numbered = alignment, detector, numbered
        self._size, self._encoding = size, encoding
        self.rows_N = np.array([face.row for face in faces], dtype=np.int64)

    @cached_property
    def names(self) -> ComputedNames:
        """The names of the images, with the numbers of the faces if they are wanted."""
        return ComputedNames(len(self.faces), lambda place: self._named(np.array([place]))[0], self._named)

    @property
    def identities(self) -> Identities | None:
        """The identities of the images."""
        of_images = self.source.identities
        return None if of_images is None else Identities(of_images.names, of_images.labels_N[self.rows_N])

    def __len__(self) -> int:
        return len(self.faces)

    def read(self, index: int) -> bytes:
        """Return one encoded face."""
        located = self.faces[index]
        encoded = self.source.read(located.row)
        if located.face is None:
            return encoded
        crop_SS3 = cut_out(encoded, located.face, size=self._size, name=ImageName(self.source, located.row))
        encoded_crop = io.BytesIO()
        Image.fromarray(crop_SS3).save(encoded_crop, self._encoding, **_SAVE_OPTIONS[self._encoding])
        return encoded_crop.getvalue()

    @cached_property
    def derivation(self) -> str:
        """A checksum of the alignment and of all boxes and landmarks."""
        content = xxhash.xxh3_128(f"{self.alignment} {self._size} {self._encoding}".encode())
        for each in self.faces:
            content.update(f"{each.row} {each.number} ".encode())
            content.update(b"" if each.face is None else each.face.values.tobytes())
        return content.hexdigest()

    def extra(self, rows_N: NDArray[np.int64]) -> "pa.Table | None":
        """Return the extra columns of some images: those of the source, and `columns`.

        Raises:
            FembError: the source has a column of the same name.
        """
        import pyarrow as pa

        columns = {name: column for name, column in self.columns(rows_N).items() if name != "image"}
        table = pa.table({name: pa.array(column) for name, column in columns.items()})
        of_source = self.source.extra(self.rows_N[rows_N]) if isinstance(self.source, HasExtraColumns) else None
        if of_source is None:
            return table
        for name in of_source.column_names:
            if name in columns:
                raise FembError(f"{self.path} has a column {name!r}, which femb wants to write", hint="rename it")
            table = table.append_column(name, of_source[name])
        return table

    def columns(self, indices_N: NDArray[np.int64]) -> dict[str, NDArray[np.generic]]:
        """Return what is known about some faces, a column each: image, place in its photo, box, landmarks and score.

        Coordinates are pixels of the full-size upright photo, see `Face`; NaN for an image that was aligned already.
        """
        faces = [self.faces[index] for index in indices_N.tolist()]
        unknown = np.full(FACE_VALUES, np.nan)
        values = [unknown if each.face is None else each.face.values for each in faces]
        values_N15 = np.array(values, dtype=np.float32).reshape(-1, FACE_VALUES)
        points = [f"{point}_{axis}" for point in _LANDMARK_NAMES for axis in "xy"]
        columns = ["box_left", "box_top", "box_right", "box_bottom", *points, "detection_score"]
        return {
            "image": np.array(names_of(self.source, self.rows_N[indices_N])),
            "face": np.array([each.number for each in faces], dtype=np.int32),
            **dict(zip(columns, values_N15.T, strict=True)),
            "detector": np.array(["" if each.face is None else self.detector for each in faces]),
        }

    def _named(self, places_N: NDArray[np.int64]) -> list[str]:
        names = names_of(self.source, self.rows_N[places_N])
        if not self._numbered:
            return names
        faces = [self.faces[place] for place in places_N.tolist()]
        return [f"{name}#{each.number}" if each.number else name for name, each in zip(names, faces, strict=True)]


def cut_out(encoded: Encoded, face: Face, *, size: int = ALIGNED_SIZE, name: object = "photo") -> NDArray[np.uint8]:
    """Return the aligned crop of a face of an encoded photo, uint8 RGB (size, size, 3).

    The JPEG decoder reduces the photo as far as it keeps at least twice the resolution of the crop.

    Args:
        encoded: JPEG, PNG, BMP, WebP ... as stored.
        face: the face, in pixels of the full-size upright photo.
        size: height and width of the crop.
        name: what to call the photo in an error; converted by str().

    Raises:
        FembError: the bytes are not an image, are cut short, or the landmarks cannot be aligned.
    """
    reduction = 0.5 / np.hypot(*similarity_transform(face.landmarks, size)[0, :, 0])
    stored = full_size(encoded, 0, 0)
    photo_HW3 = decode_photo(encoded, name, shorter_side=int(min(stored) / max(reduction, 1)) or None)
    height, width = photo_HW3.shape[:2]
    full_width, full_height = full_size(encoded, width, height)
    scale_2 = np.array([width / full_width, height / full_height])
    return align_faces(photo_HW3, [face.scaled(scale_2).landmarks], size)[0]
