"""InsightFace's verification sets: a `.bin` file with the images of all pairs and the label of each pair.

The file is a pickle of two lists. The first holds the encoded images; pair k has the images 2k and 2k + 1. The second
holds the labels: whether pair k is genuine. Images and pairs are numbered from 0.

Shapes: N pairs.
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

# Protocols from 2 up start with a number; in 0 and 1 the first opcodes are those of a tuple or list of lists.
_PICKLE_START = re.compile(rb"\x80[\x02-\x05]|\(\(|\(\]|\(l|\]q")
_HINT = "a verification set is a pickle of 2 N encoded images and N labels, true for genuine pairs"


@dataclass(frozen=True, eq=False)
class VerificationSet:
    """Pairs of encoded images.

    Attributes:
        images: Two for each pair, in the order of the pairs; whether they decode is not checked.
        genuine_N: True for genuine pairs, whose images show the same person; bool, (N,).
        sha256: SHA-256 of the file, in hexadecimal.
    """

    images: Sequence[bytes]
    genuine_N: NDArray[np.bool_]
    sha256: str

    def __len__(self) -> int:
        return len(self.genuine_N)


_OF_WEIGHTS = (".pt", ".pth", ".ckpt", ".pth.tar")
"""Endings of files of weights, which torch wrote as such pickles, too, until version 1.5."""


def is_verification_set(path: Path) -> bool:
    """Whether `path` is a file that starts like the pickle of a verification set; some other pickles do, too."""
    if not path.is_file() or path.name.lower().endswith(_OF_WEIGHTS):
        return False
    with path.open("rb") as file:
        return _PICKLE_START.match(file.read(2)) is not None


def read_verification_set(path: Path) -> VerificationSet:
    """Read a verification set, without executing code in the file.

    Raises:
        FembError: The file cannot be read or is not a valid verification set; the message says what is wrong in it.
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
        # Text is refused, because bool("False") is true.
        if not isinstance(value, int) or value not in (0, 1):
            found = value if isinstance(value, int) else kind(value)
            raise FembError(f"label {index} (from 0) in {path} is {found}, neither 0 nor 1 nor a bool", hint=_HINT)
    return np.array(values, dtype=bool)


def _read_images(images: Sequence[object], path: Path) -> list[bytes]:
    """Return the bytes of each image; an image that the pickle repeats is copied once, which limits the memory."""
    encoded: dict[int, bytes] = {}
    for index, image in enumerate(images):
        if id(image) not in encoded:
            encoded[id(image)] = _encoded(image, f"image {index} (from 0) in {path}")
    return [encoded[id(image)] for image in images]


def _encoded(image: object, place: str) -> bytes:
    """Return the bytes of an image: bytes, or an array with one row or column, as OpenCV returns it."""
    if isinstance(image, bytes):
        return image
    if not isinstance(image, np.ndarray):
        raise FembError(f"{place} is {kind(image)}, not encoded bytes", hint=_HINT)
    if image.dtype != np.uint8 or image.shape not in ((image.size,), (image.size, 1)):
        raise FembError(f"{place} is an array {image.shape} of {image.dtype}, not of encoded bytes", hint=_HINT)
    return image.tobytes()
