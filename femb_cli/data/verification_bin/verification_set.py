"""InsightFace's verification sets: a `.bin` file with the images of all pairs and which pairs are genuine.

The file is a pickle of two lists: the encoded images 2k and 2k + 1 of pair k, and whether pair k shows one person.
Images and pairs are numbered from 0, as in the file. femb scores the set as a benchmark directory: the images as
files, the pairs as CSV, and a note on what they are.

Shape suffix: P pairs.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from femb_cli.data.verification_bin.pickled_values import kind
from femb_cli.data.verification_bin.restricted_pickle import load_set
from femb_cli.errors import FembError
from femb_cli.files import file_sha256

# A protocol of 2 or above; or the first opcodes of a tuple or list of lists in protocols 0 and 1.
_PICKLE_START = re.compile(rb"\x80[\x02-\x05]|\(\(|\(\]|\(l|\]q")
_HINT = "a verification set is a pickle of 2 P encoded images and P labels, true where both images show one person"


@dataclass(frozen=True, eq=False)
class VerificationSet:
    """Pairs of encoded images.

    Attributes:
        images: two for each pair, in the order of the pairs; not known to decode.
        genuine_N: bool (P,), true where both images of a pair show the same person.
        sha256: checksum of the file, in hexadecimal.
    """

    images: list[bytes]
    genuine_N: NDArray[np.bool_]
    sha256: str

    def __len__(self) -> int:
        return len(self.genuine_N)


def is_verification_set(path: Path) -> bool:
    """Whether `path` is a file that starts as the pickle of a verification set does; other pickles start so too."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return _PICKLE_START.match(file.read(2)) is not None


def read_verification_set(path: Path) -> VerificationSet:
    """Read a verification set; nothing that may be hidden in the file is executed.

    Raises:
        FembError: The file cannot be read or is no sound verification set; with what is wrong in it.
    """
    content = load_set(path)
    if not isinstance(content, tuple | list) or len(content) != 2:
        count = f" of {len(content)}" if isinstance(content, tuple | list) else ""
        raise FembError(f"{path} holds {kind(content)}{count}, not a pair of images and labels", hint=_HINT)
    images, labels = content
    if not isinstance(images, tuple | list):
        raise FembError(f"{path} holds {kind(images)}, not a list of images", hint=_HINT)
    genuine_N = _read_labels(labels, path)
    if not images or len(images) != 2 * len(genuine_N):
        raise FembError(f"{path} holds {len(images)} images for {len(genuine_N)} pairs", hint=_HINT)
    return VerificationSet(_read_images(images, path), genuine_N, file_sha256(path))


def _read_labels(labels: object, path: Path) -> NDArray[np.bool_]:
    values = labels.tolist() if isinstance(labels, np.ndarray) else labels
    if not isinstance(values, tuple | list):
        raise FembError(f"{path} holds {kind(labels)}, not a list of labels", hint=_HINT)
    for index, value in enumerate(values):
        # Text is no label: bool("False") is true.
        if not isinstance(value, int) or value not in (0, 1):
            found = value if isinstance(value, int) else kind(value)
            raise FembError(f"label {index} (from 0) in {path} is {found}, neither 0 nor 1 nor a bool", hint=_HINT)
    return np.array(values, dtype=bool)


def _read_images(images: Sequence[object], path: Path) -> list[bytes]:
    """The bytes of each image; one that is used again, by whatever hostile means, is not copied again."""
    encoded: dict[int, bytes] = {}
    for index, image in enumerate(images):
        if id(image) not in encoded:
            encoded[id(image)] = _encoded(image, f"image {index} (from 0) in {path}")
    return [encoded[id(image)] for image in images]


def _encoded(image: object, place: str) -> bytes:
    """The bytes of an image, which OpenCV returns as a row or a column of an array."""
    if isinstance(image, bytes):
        return image
    if not isinstance(image, np.ndarray):
        raise FembError(f"{place} is {kind(image)}, not encoded bytes", hint=_HINT)
    if image.dtype != np.uint8 or image.shape not in ((image.size,), (image.size, 1)):
        raise FembError(f"{place} is an array {image.shape} of {image.dtype}, not of encoded bytes", hint=_HINT)
    return image.tobytes()
