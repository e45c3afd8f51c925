"""Write a verification set as a benchmark directory: images as files, pairs as CSV, and a README.

Shapes: N pairs of the set, P pairs written.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from femb_cli.data.conversion.choices import OnError
from femb_cli.data.conversion.skipped import SKIPPED_FILE, skipped_text
from femb_cli.data.dataset_info import DatasetInfo, write_dataset_info
from femb_cli.data.images.channels import ChannelOrder
from femb_cli.data.images.encoded import JPEG_START, check_image
from femb_cli.data.verification_bin.verification_set import VerificationSet
from femb_cli.errors import FembError
from femb_cli.files import new_folder
from femb_cli.progress import Progress

_NUM_FOLDS = 10
_STARTS = {JPEG_START: ".jpg", b"\x89PNG": ".png", b"BM": ".bmp", b"RIFF": ".webp", b"II*\0": ".tif"}
_STARTS |= {b"MM\0*": ".tif", b"P5": ".ppm", b"P6": ".ppm"}


@dataclass(frozen=True)
class BenchmarkConversion:
    """What a conversion wrote.

    Attributes:
        path: The benchmark directory.
        num_images: Image files written.
        num_pairs: Pairs written.
        num_genuine: Genuine pairs among them.
        num_skipped: Pairs left out because one of their images is damaged.
        skipped: Name and reason of each pair left out.
    """

    path: Path
    num_images: int
    num_pairs: int
    num_genuine: int
    num_skipped: int
    skipped: list[tuple[str, str]]


def write_benchmark(
    verification_set: VerificationSet,
    destination: Path,
    *,
    source: str,
    on_error: OnError = "stop",
    verify: bool = False,
    channels: ChannelOrder = "rgb",
    overwrite: bool = False,
    progress: Progress | None = None,
) -> BenchmarkConversion:
    """Write a verification set as a benchmark directory; the image bytes stay the same.

    Args:
        verification_set: The pairs.
        destination: The directory to create.
        source: Name of the file, for the directory's README.
        on_error: What to do at a damaged image: stop, or leave its pair out.
        verify: Decode every image instead of checking only its header and its end.
        channels: The order of the channels in the stored images, which the directory states.
        overwrite: Replace an existing directory.
        progress: Called with the number of pairs done and in all.

    Raises:
        FembError: `destination` exists, every pair has a damaged image, or, with `on_error` "stop", one pair has.
    """
    with new_folder(destination, overwrite=overwrite) as directory:
        writer = _ImageWriter(directory / "images", verification_set.images)
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
            raise FembError(f"{source}: every pair has a damaged image; the first: {skipped[0][1]}")
        conversion = BenchmarkConversion(
            path=destination,
            num_images=writer.num_written,
            num_pairs=len(kept),
            num_genuine=sum(genuine for *_, genuine in kept),
            num_skipped=len(skipped),
            skipped=skipped,
        )
        _write_pairs(directory / "pairs.csv", kept)
        _write_notes(directory, conversion, source, verification_set.sha256)
        if channels == "bgr":
            write_dataset_info(directory, DatasetInfo(channels=channels))
    return conversion


class _ImageWriter:
    """Writes the images of pairs. Identical images are written once, named by their first position, from 1."""

    def __init__(self, directory: Path, images: Sequence[bytes]) -> None:
        directory.mkdir()
        self._directory = directory
        self._images = images
        self._names: dict[bytes, str] = {}

    @property
    def num_written(self) -> int:
        return len(self._names)

    def write_pair(self, pair: int, *, decode: bool) -> tuple[str, str]:
        """Write both images of a pair, unless they are written already, and return the names of their files.

        Raises:
            ValueError: One of the images is damaged; then neither is written. The message is the reason.
        """
        left, right = 2 * pair, 2 * pair + 1
        for index in (left, right):
            self._check(index, decode)
        return self._write(left), self._write(right)

    def _check(self, index: int, decode: bool) -> None:
        place = f"image {index} (from 0), of pair {index // 2},"
        try:
            image = self._images[index]
        except FembError as error:
            raise ValueError(f"{place} cannot be read: {error.message}") from error
        if image in self._names:
            return
        try:
            check_image(image, decode=decode)
        except ValueError as error:
            raise ValueError(f"{place} {error}") from error

    def _write(self, index: int) -> str:
        image = self._images[index]
        if image not in self._names:
            name = f"{index + 1:06d}{_ending(image)}"
            (self._directory / name).write_bytes(image)
            self._names[image] = name
        return self._names[image]


def _ending(image: bytes) -> str:
    """Return a file ending by content; `.jpg` for rare formats, which decoders recognise by content anyway."""
    return next((ending for start, ending in _STARTS.items() if image.startswith(start)), ".jpg")


def _write_pairs(path: Path, pairs: list[tuple[str, str, bool]]) -> None:
    """Write the pairs in ten folds of consecutive pairs, as arcface_torch does; the first folds take the remainder."""
    folds = np.array_split(np.arange(len(pairs)), min(_NUM_FOLDS, len(pairs)))
    fold_P = np.repeat(np.arange(len(folds)), [len(fold) for fold in folds])
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("ref", "probe", "mated", "fold"))
        for (left, right, genuine), fold in zip(pairs, fold_P.tolist(), strict=True):
            writer.writerow((left, right, int(genuine), fold))


def _write_notes(directory: Path, conversion: BenchmarkConversion, source: str, sha256: str) -> None:
    """Write the README, and the list of pairs that were left out."""
    left_out = f"\n{conversion.num_skipped} pairs were left out, see {SKIPPED_FILE}.\n" if conversion.skipped else ""
    (directory / "README.md").write_text(
        f"# {source}\n\n"
        f"A face verification benchmark, converted by femb from `{source}` (SHA-256 `{sha256}`).\n\n"
        f"{conversion.num_pairs} pairs in `pairs.csv`, {conversion.num_genuine} of them genuine (`mated` is 1); "
        f"{conversion.num_images} images in `images/`, their bytes unchanged; identical images are stored once."
        f"\n{left_out}\n"
        f"Score a model on it with\n\n    femb verify --dataset {conversion.path.name} --model MODEL\n",
        encoding="utf-8",
    )
    if conversion.skipped:
        (directory / SKIPPED_FILE).write_text(skipped_text(conversion.skipped), encoding="utf-8")
