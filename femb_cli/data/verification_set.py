"""InsightFace's verification sets: a `.bin` file with the images of all pairs and which pairs are genuine.

The file is a pickle of two lists: the encoded images 2k and 2k + 1 of pair k, and whether pair k shows one person.
Images and pairs are numbered from 0, as in the file. femb scores the set as a benchmark directory: the images as
files, the pairs as CSV, and a note on what they are.

Shape suffix: P pairs.
"""

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from femb_cli.data.encoded import JPEG_START, check_image
from femb_cli.data.pickled_values import kind
from femb_cli.data.safe_pickle import load_set
from femb_cli.data.skipped import SKIPPED_FILE, skipped_text
from femb_cli.errors import FembError
from femb_cli.files import file_sha256, new_folder

_NUM_FOLDS = 10
_STARTS = {JPEG_START: ".jpg", b"\x89PNG": ".png", b"BM": ".bmp", b"RIFF": ".webp", b"II*\0": ".tif"}
_STARTS |= {b"MM\0*": ".tif", b"P5": ".ppm", b"P6": ".ppm"}
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


@dataclass(frozen=True)
class BenchmarkConversion:
    """What a conversion wrote.

    Attributes:
        path: The benchmark directory.
        num_images: Files written.
        num_pairs: Pairs written.
        num_genuine: Those of them that show one person.
        num_skipped: Pairs left out because something was wrong with an image.
        skipped: Name and reason of each pair left out.
    """

    path: Path
    num_images: int
    num_pairs: int
    num_genuine: int
    num_skipped: int
    skipped: list[tuple[str, str]]


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


def write_benchmark(
    verification_set: VerificationSet,
    destination: Path,
    *,
    source: str,
    on_error: Literal["stop", "skip"] = "stop",
    verify: bool = False,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> BenchmarkConversion:
    """Write a verification set as a benchmark directory, image bytes untouched.

    Args:
        verification_set: The pairs.
        destination: The directory to make.
        source: The file's name, for the directory's README.
        on_error: What to do about an image that is none: stop, or leave its pair out and list it in `skipped.txt`.
        verify: Decode every image, rather than look at its header and end only.
        overwrite: Replace an existing directory.
        progress: Called with the number of pairs done and of all.

    Raises:
        FembError: `destination` exists, no pair remains, or, with `on_error` "stop", the first image that is none.
    """
    with new_folder(destination, overwrite=overwrite) as folder:
        writer = _ImageWriter(folder / "images", verification_set.images)
        kept: list[tuple[str, str, bool]] = []
        skipped: list[tuple[str, str]] = []
        for pair, genuine in enumerate(verification_set.genuine_N.tolist()):
            try:
                kept.append((*writer.write_pair(pair, decode=verify), genuine))
            except ValueError as error:
                if on_error == "stop":
                    raise FembError(f"{source}: {error}", hint="--on-error skip leaves such pairs out") from error
                skipped.append((f"pair {pair}", str(error)))
            if progress is not None:
                progress(pair + 1, len(verification_set))
        if not kept:
            raise FembError(f"{source}: every pair has an image that is none; the first: {skipped[0][1]}")
        conversion = BenchmarkConversion(
            path=destination,
            num_images=writer.num_written,
            num_pairs=len(kept),
            num_genuine=sum(genuine for *_, genuine in kept),
            num_skipped=len(skipped),
            skipped=skipped,
        )
        _write_pairs(folder / "pairs.csv", kept)
        _write_notes(folder, conversion, source, verification_set.sha256)
    return conversion


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


class _ImageWriter:
    """Writes the images of pairs, identical ones once, named by where in the set they are first used, from 1."""

    def __init__(self, folder: Path, images: list[bytes]) -> None:
        folder.mkdir()
        self._folder = folder
        self._images = images
        self._names: dict[bytes, str] = {}

    @property
    def num_written(self) -> int:
        return len(self._names)

    def write_pair(self, pair: int, *, decode: bool) -> tuple[str, str]:
        """Write what is not written yet, and return the names of both files.

        Raises:
            ValueError: One of the images is none; neither is written then. The message is the reason.
        """
        left, right = 2 * pair, 2 * pair + 1
        for index in (left, right):
            self._check(index, decode)
        return self._write(left), self._write(right)

    def _check(self, index: int, decode: bool) -> None:
        if self._images[index] in self._names:
            return
        try:
            check_image(self._images[index], decode=decode)
        except ValueError as error:
            raise ValueError(f"image {index} (from 0), of pair {index // 2}, {error}") from error

    def _write(self, index: int) -> str:
        image = self._images[index]
        if image not in self._names:
            name = f"{index + 1:06d}{_ending(image)}"
            (self._folder / name).write_bytes(image)
            self._names[image] = name
        return self._names[image]


def _ending(image: bytes) -> str:
    """A file ending by content; what is rare gets the most common one, since decoders go by content as well."""
    return next((ending for start, ending in _STARTS.items() if image.startswith(start)), ".jpg")


def _write_pairs(path: Path, pairs: list[tuple[str, str, bool]]) -> None:
    """Write the list of pairs, with the folds that arcface_torch cuts it into: by order, the first ones longer."""
    folds = np.array_split(np.arange(len(pairs)), min(_NUM_FOLDS, len(pairs)))
    fold_P = np.repeat(np.arange(len(folds)), [len(fold) for fold in folds])
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("ref", "probe", "mated", "fold"))
        for (left, right, genuine), fold in zip(pairs, fold_P.tolist(), strict=True):
            writer.writerow((left, right, int(genuine), fold))


def _write_notes(folder: Path, conversion: BenchmarkConversion, source: str, sha256: str) -> None:
    """Write what the directory is, and which pairs were left out."""
    left_out = f"\n{conversion.num_skipped} pairs were left out, see {SKIPPED_FILE}.\n" if conversion.skipped else ""
    (folder / "README.md").write_text(
        f"# {source}\n\n"
        f"A face verification benchmark, converted by femb from `{source}` (SHA-256 `{sha256}`).\n\n"
        f"{conversion.num_pairs} pairs in `pairs.csv`, {conversion.num_genuine} of them genuine (`mated` is 1); "
        f"{conversion.num_images} images in `images/`, their bytes as they were, identical ones once.\n{left_out}\n"
        f"Score a model on it with\n\n    femb verify --dataset {conversion.path.name} --model MODEL\n",
        encoding="utf-8",
    )
    if conversion.skipped:
        (folder / SKIPPED_FILE).write_text(skipped_text(conversion.skipped), encoding="utf-8")
