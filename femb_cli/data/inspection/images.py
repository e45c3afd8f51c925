"""Inspect the images of a source: read each once, decode some of them, and count what is found.

The headers of all images are read, and their checksums are compared. Decoding finds more damage and takes most of the
time, so only a sample is decoded unless all are wanted.

Shapes: N images.
"""

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from femb_cli.data.channels import as_stored, channels_of
from femb_cli.data.checksums import checksum_of
from femb_cli.data.colours import Colours, survey_colours
from femb_cli.data.files.unread import unread_of
from femb_cli.data.identities import Identities
from femb_cli.data.images.channels import ChannelOrder
from femb_cli.data.images.decode import decode_into
from femb_cli.data.images.encoded import check_image, quick_size
from femb_cli.data.images.picture import RefusedPicture, check_pixels, open_picture
from femb_cli.data.images.signature import START_BYTES, image_format
from femb_cli.data.inspection.doubles import ONE_PERSON, SEVERAL_PEOPLE, Checksums, Doubles, doubles_table
from femb_cli.data.inspection.people import People, count_people
from femb_cli.data.source import ImageSource
from femb_cli.errors import FembError
from femb_cli.progress import Progress

DECODED = 1000
"""Images that are decoded unless all are."""

MOST_NAMED = 10_000
"""Damaged images that are named."""

_BLOCK = 64
_THREADS = 8


@dataclass(frozen=True)
class Damage:
    """Images that cannot be read.

    Attributes:
        num_images: Their number.
        named: Name and reason of the first of them.
        num_decoded: Images that were decoded; of the others only the header and the end were looked at.
    """

    num_images: int
    named: list[tuple[str, str]]
    num_decoded: int


@dataclass(frozen=True)
class ImagesDetails:
    """What is in a source of images.

    Attributes:
        path: The path that was opened.
        kind: Its kind, as in `ImageSource`.
        num_images: Number of images.
        num_bytes: Bytes of all images.
        people: Images per person; None if the source has no people.
        sizes: Number of images of each width and height in pixels, of those that can be read.
        formats: Number of images of each format; "unknown" for what is no image.
        damage: Images that cannot be read.
        doubles: Images that are there more than once.
        colours: Whether red and blue look swapped, of the images as other commands see them.
        channels: The order of the channels that the source states.
        unread: Number of files that are not read, by ending.
        identities: The person of each image; None if the source has none.
    """

    path: Path
    kind: str
    num_images: int
    num_bytes: int
    people: People | None
    sizes: Mapping[tuple[int, int], int]
    formats: Mapping[str, int]
    damage: Damage
    doubles: Doubles
    colours: Colours
    channels: ChannelOrder
    unread: Mapping[str, int]
    identities: Identities | None

    def to_json(self, source: ImageSource) -> dict[str, Any]:
        """Return the details as plain values, as `femb inspect --json` prints them.

        Args:
            source: The images, for the names of the doubles.
        """
        people, colours = self.people, self.colours
        return {
            "path": str(self.path),
            "kind": self.kind,
            "num_images": self.num_images,
            "num_identities": people.num_people if people else None,
            "num_unlabeled": people.num_unlabeled if people else self.num_images,
            "bytes": self.num_bytes,
            "images_per_person": people.to_json() if people else None,
            "sizes": [
                {"width": width, "height": height, "num_images": number}
                for (width, height), number in _largest_first(self.sizes)
            ],
            "formats": dict(_largest_first(self.formats)),
            "num_damaged": self.damage.num_images,
            "num_decoded": self.damage.num_decoded,
            "damaged": [{"name": name, "problem": problem} for name, problem in self.damage.named],
            "doubles": {
                "one_image_in": self.doubles.one_in,
                "sets_in_one_person": len(self.doubles.of_kind(ONE_PERSON, self.identities)),
                "sets_in_several_people": len(self.doubles.of_kind(SEVERAL_PEOPLE, self.identities)),
                "sets": _sets_of(self.doubles, source),
            },
            "channels": self.channels,
            "mean_red_minus_blue": None if colours.mean is None else round(colours.mean, 2),
            "num_coloured": len(colours.differences_N),
            "num_more_blue_than_red": colours.num_blue,
            "num_grey": colours.num_grey,
            "colours_look_swapped": colours.look_swapped,
            "unread": dict(self.unread),
        }


@dataclass(frozen=True)
class _Seen:
    """What one image is; the size is 0 x 0 and `problem` says why if it cannot be read."""

    num_bytes: int = 0
    format: str = "unknown"
    size: tuple[int, int] = (0, 0)
    checksum: int | None = None
    problem: str = ""


def inspect_images(source: ImageSource, *, verify: bool = False, progress: Progress | None = None) -> ImagesDetails:
    """Inspect the images of a source.

    Args:
        source: The images.
        verify: Decode all images, to find all damage.
        progress: Called with the number of images done and in all.
    """
    stored, total = as_stored(source), len(source)
    num_decoded = total if verify else min(total, DECODED)
    is_decoded_N = np.zeros(total, dtype=bool)
    is_decoded_N[np.linspace(0, total - 1, num_decoded).astype(np.int64)] = True
    sizes: Counter[tuple[int, int]] = Counter()
    formats: Counter[str] = Counter()
    named: list[tuple[str, str]] = []
    checksums, num_bytes, num_damaged = Checksums(total), 0, 0
    for row, seen in enumerate(_look_at_all(stored, is_decoded_N)):
        num_bytes += seen.num_bytes
        formats[seen.format] += 1
        if seen.checksum is not None:
            checksums.add(row, seen.checksum)
        if not seen.problem:
            sizes[seen.size] += 1
        else:
            num_damaged += 1
            if len(named) < MOST_NAMED:
                named.append((stored.names[row], seen.problem))
        if progress is not None and ((row + 1) % _BLOCK == 0 or row + 1 == total):
            progress(row + 1, total)
    return ImagesDetails(
        path=source.path,
        kind=source.kind,
        num_images=total,
        num_bytes=num_bytes,
        people=count_people(source.identities),
        sizes=sizes,
        formats=formats,
        damage=Damage(num_damaged, named, num_decoded),
        doubles=checksums.doubles(),
        colours=survey_colours(source),
        channels=channels_of(source),
        unread=unread_of(source),
        identities=source.identities,
    )


def _look_at_all(source: ImageSource, is_decoded_N: np.ndarray) -> Iterator[_Seen]:
    """Yield what each image is, in their order; threads read ahead."""

    def look(start: int) -> list[_Seen]:
        decoded = is_decoded_N[start : start + _BLOCK].tolist()
        return [_look_at(source, row, decode=decode) for row, decode in enumerate(decoded, start)]

    pool = ThreadPoolExecutor(_THREADS)
    waiting: deque[Future[list[_Seen]]] = deque()
    try:
        for start in range(0, len(source), _BLOCK):
            waiting.append(pool.submit(look, start))
            if len(waiting) > _THREADS:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _look_at(source: ImageSource, row: int, *, decode: bool) -> _Seen:
    try:
        image = bytes(source.read(row))
    except FembError as error:
        return _Seen(problem=error.message)
    form = image_format(image[:START_BYTES])
    try:
        size = _size_of(image, form, decode=decode)
    except ValueError as error:
        return _Seen(len(image), form or "unknown", problem=str(error))
    return _Seen(len(image), form or "unknown", size, checksum_of(image))


def _size_of(image: bytes, form: str | None, *, decode: bool) -> tuple[int, int]:
    """Return width and height in pixels.

    A JPEG or PNG without its end is decoded, and then refused; of other formats the header is read.

    Raises:
        ValueError: The image is damaged; the message continues a sentence after its name.
    """
    if (size := quick_size(image)) is not None:
        check_pixels(size)
        return size if not decode or _decodes(image, size) else check_image(image, decode=True)
    if decode or form in ("JPEG", "PNG", None):
        return check_image(image)
    try:
        with open_picture(image) as picture:
            return picture.size
    except RefusedPicture:
        raise
    # Pillow raises many kinds of exceptions on damaged files.
    except Exception as error:
        raise ValueError(f"is damaged: {error}") from error


def _decodes(image: bytes, size: tuple[int, int]) -> bool:
    """Whether an image decodes, as it does in training."""
    try:
        decode_into(image, np.empty((size[1], size[0], 3), dtype=np.uint8))
    except FembError:
        return False
    return True


def _largest_first(counts: Mapping[Any, int]) -> list[tuple[Any, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _sets_of(doubles: Doubles, source: ImageSource) -> list[dict[str, Any]]:
    sets: dict[int, dict[str, Any]] = {}
    for number, kind, name, person in doubles_table(doubles, source):
        entry = sets.setdefault(number, {"kind": kind, "images": []})
        entry["images"].append({"name": name, "person": person})
    return list(sets.values())
