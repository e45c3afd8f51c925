"""The checksum of each image of a dataset, in a file beside the shards, so that changed bytes are noticed.

`checksums.bin` holds the XXH64 of the encoded bytes of every image, in the order of the rows, as little-endian
integers: 8 bytes an image. The library `datasets` does not read it. Datasets without the file are not checked.

Shapes: N images.
"""

import sys
from array import array
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xxhash

from femb_cli.data.images.encoded import Encoded, EncodedImages
from femb_cli.errors import FembError

if TYPE_CHECKING:
    import pyarrow as pa

CHECKSUMS_FILE = "checksums.bin"

Checksums = memoryview
"""The checksums of a dataset's images, 64 bits each, (N,)."""


def checksum_of(image: "Encoded | pa.Buffer") -> int:
    """Return the checksum of one encoded image.

    XXH3 itself is faster, but its wide vector instructions slow down the JPEG decoder that runs next by 12 %.
    """
    return xxhash.xxh64_intdigest(image)


def checksums_of(images: EncodedImages) -> list[int]:
    """Return the checksum of each image."""
    view = memoryview(images.data)
    return [checksum_of(view[start:end]) for start, end in pairwise([0, *images.ends_N.tolist()])]


def write_checksums(directory: Path, checksums: Iterable[int]) -> None:
    """Write the checksums of all images of a dataset."""
    stored = array("Q", checksums)
    if sys.byteorder == "big":
        stored.byteswap()
    (directory / CHECKSUMS_FILE).write_bytes(stored.tobytes())


def read_checksums(directory: Path, num_images: int) -> Checksums | None:
    """Map the checksums of a dataset into memory; None if it has none.

    Raises:
        FembError: The file cannot be read, or has another number of checksums than the dataset has images.
    """
    path = directory / CHECKSUMS_FILE
    try:
        if not path.is_file():
            return None
        stored_N = np.memmap(path, dtype="<u8", mode="r") if path.stat().st_size else np.empty(0, dtype="<u8")
    except (OSError, ValueError) as error:
        raise FembError(f"cannot read {path}: {error}", hint="without this file, images are not checked") from error
    if len(stored_N) != num_images:
        raise FembError(
            f"{path} has the checksums of {len(stored_N):,} images, and the dataset has {num_images:,}",
            hint="the dataset is damaged or was changed: make it again, or remove this file to read it unchecked",
        )
    # A memoryview returns a plain int, five times as fast as NumPy returns its own.
    return (stored_N if sys.byteorder == "little" else stored_N.astype(np.uint64)).data
