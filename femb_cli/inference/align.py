"""Align the faces of a source before they are embedded: see which images are photos, find faces, choose among them.

Each of several processes searches a share of the photos, and all of them get the same faces.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Literal

import numpy as np
from accelerate.utils import gather_object
from numpy.typing import NDArray

from femb_cli.checkpoints.card import ModelCard
from femb_cli.config.detectors import check_detector
from femb_cli.data.images.decode import ALIGNED_SIZE
from femb_cli.data.source import ImageSource, names_of
from femb_cli.data.survey import describe_photos, image_sizes, is_photo, is_small
from femb_cli.errors import FembError
from femb_cli.faces.align import crop_size
from femb_cli.faces.aligned_source import AlignedFaces, SourceFace
from femb_cli.faces.cache import FaceCache
from femb_cli.faces.choose import Choice, by_size, choose_faces
from femb_cli.faces.face import PhotoFaces
from femb_cli.faces.load import detector_fingerprint, load_face_finder
from femb_cli.faces.locate import locate_faces
from femb_cli.inference.embed import unreadable_image
from femb_cli.inference.face_reader import Align
from femb_cli.progress import Progress
from femb_cli.runtime.devices import pick_device
from femb_cli.runtime.ranks import rank, world_size


@dataclass(frozen=True)
class Alignment:
    """Whether and how faces are aligned.

    Attributes:
        align: `auto` finds the faces of photos, see `is_photo`, and takes other images as they are; `never` takes every
            image as it is; `always` finds the faces of every image.
        faces: which faces of a photo.
        detector: name or path of the detector, see `load_face_finder`.
        device: where the detector computes: None for all cores of the CPU, which leaves a GPU to the network that gets
            the faces.
    """

    align: Align = "auto"
    faces: Choice = "main"
    detector: str = "mtcnn"
    device: str | None = None

    def __post_init__(self) -> None:
        """Refuse a detector or a device that is not there, before any image is read."""
        check_detector(self.detector)
        if self.device is not None:
            pick_device(self.device)


@dataclass(frozen=True, eq=False)
class Survey:
    """Which images of a source are photos and not aligned faces, and what is done with them.

    Attributes:
        source: the images.
        rows_N: the rows of the source that count.
        is_photo_N: whether each is a photo.
        num_small: number of images that are smaller than aligned faces.
        alignment: what is done with photos.
        input_size: the input size of the network that gets the faces.
    """

    source: ImageSource
    rows_N: NDArray[np.int64]
    is_photo_N: NDArray[np.bool_]
    num_small: int
    alignment: Alignment
    input_size: int = ALIGNED_SIZE

    @property
    def num_photos(self) -> int:
        """Number of photos."""
        return int(self.is_photo_N.sum())

    @property
    def searched_N(self) -> NDArray[np.bool_]:
        """Whether the faces of each image are to be found."""
        by_choice = {"auto": self.is_photo_N, "never": np.zeros_like(self.is_photo_N)}
        return by_choice.get(self.alignment.align, np.ones_like(self.is_photo_N))

    @property
    def note(self) -> str:
        """What is done with photos and with small images; empty if there are none."""
        return self.note_naming("--align never", "--align always")

    def note_naming(self, never: str, always: str) -> str:
        """Return the note for a command with other options than `--align`.

        Args:
            never: the option that takes images as they are; empty if the command has none.
            always: the option that finds the faces of all images.
        """
        how = f"finding faces with {self.alignment.detector}"
        if self.alignment.align == "always":
            return f"{how} in all {len(self.rows_N):,} images"
        notes = []
        if self.searched_N.any():
            advice = f" ({never} takes images as they are)" if never else ""
            notes.append(f"{self._photos}: {how}{advice}")
        if self.num_small:
            small = f"{self.num_small:,} of {len(self.rows_N):,} images are smaller than aligned faces"
            notes.append(f"{small}: they are enlarged and not searched for faces ({always} searches them)")
        return "; ".join(notes)

    @property
    def warning(self) -> str:
        """A sentence on photos that are taken as they are; empty if there are none."""
        if self.alignment.align != "never" or not self.num_photos:
            return ""
        return (
            f"{self._photos}: --align never only resizes photos, but networks expect faces aligned to the ArcFace"
            " template, and embed other images badly"
        )

    @property
    def _photos(self) -> str:
        return describe_photos(self.num_photos, len(self.rows_N))


def survey_source(
    source: ImageSource,
    alignment: Alignment,
    *,
    input_size: int = ALIGNED_SIZE,
    rows_N: NDArray[np.int64] | None = None,
) -> Survey:
    """Look at the headers of images.

    Args:
        source: the images.
        alignment: what is to be done with photos.
        input_size: the network's input size: images of this size are aligned faces, as those of 112 pixels are.
        rows_N: which images; None for all.
    """
    rows_N = np.arange(len(source)) if rows_N is None else rows_N
    sizes = image_sizes(source, rows_N)
    is_photo_N = np.array([is_photo(size, [input_size]) for size in sizes], dtype=bool)
    num_small = sum(is_small(size, [input_size]) for size in sizes)
    return Survey(source, rows_N, is_photo_N, num_small, alignment, input_size)


@dataclass(frozen=True)
class AlignedImages:
    """A source after its photos were searched for faces.

    Attributes:
        source: the faces, or the source itself if none of its images is a photo.
        num_photos: number of photos.
        without_face: names of the photos in which no face was found; they are not in `source`.
        several_faces: names of the photos with more than one face.
        failed: name and problem of each photo that cannot be read; they are not in `source`.
    """

    source: ImageSource
    num_photos: int = 0
    without_face: tuple[str, ...] = ()
    several_faces: tuple[str, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()

    @property
    def left_out(self) -> list[tuple[str, str]]:
        """Name and reason of each photo that is not in `source`."""
        return [*self.failed, *((name, "no face was found") for name in self.without_face)]


def align_source(
    survey: Survey,
    *,
    skip_bad: bool = False,
    encoding: Literal["ppm", "png"] = "ppm",
    progress: Progress | None = None,
) -> AlignedImages:
    """Find the faces of a source's photos.

    Args:
        survey: the source and its photos. Other rows of the source are in the result only if nothing is aligned.
        skip_bad: leave out unreadable photos instead of failing.
        encoding: how the faces are encoded, see `AlignedFaces`.
        progress: called with the number of photos done, and the total.

    Raises:
        UnreadableImage: a photo cannot be read and `skip_bad` is false.
        FembError: the detector cannot be loaded, or an aligned image has the name of a numbered face.
    """
    source, alignment, rows_N = survey.source, survey.alignment, survey.rows_N
    if not survey.searched_N.any():
        return AlignedImages(source)
    photos_N = rows_N[survey.searched_N]
    detector = detector_fingerprint(alignment.detector)
    found_N = _locate(source, photos_N, alignment, detector, progress)
    located = dict(zip(photos_N.tolist(), found_N, strict=True))
    failed = [(row, found) for row, found in located.items() if isinstance(found, FembError)]
    if failed and not skip_bad:
        raise unreadable_image(failed[0][1].message)
    faces: list[SourceFace] = []
    for row in rows_N.tolist():
        found = located.get(row)
        if found is None:
            faces.append(SourceFace(row))
        elif isinstance(found, PhotoFaces):
            faces += _chosen(row, found, alignment.faces)
    searched = [(row, found) for row, found in located.items() if isinstance(found, PhotoFaces)]
    aligned = AlignedFaces(
        source,
        faces,
        alignment=f"femb: {detector}, {alignment.faces}",
        detector=detector,
        numbered=alignment.faces == "all",
        encoding=encoding,
        size=crop_size(survey.input_size),
    )
    if alignment.faces == "all":
        _refuse_taken_names(aligned)
    return AlignedImages(
        source=aligned,
        num_photos=len(photos_N),
        without_face=_names(source, [row for row, found in searched if not found.faces]),
        several_faces=_names(source, [row for row, found in searched if len(found.faces) > 1]),
        failed=tuple((_names(source, [row])[0], error.message) for row, error in failed),
    )


def alignment_mismatch(card: ModelCard | None, survey: Survey) -> str:
    """Return a sentence if photos are aligned in another way than the network's training data; empty if they are not.

    Args:
        card: the network's card, which may say how femb aligned the training data; None if there is none.
        survey: the images and their alignment.
    """
    trained = "" if card is None else card.source.get("alignment", "")
    if not trained or not survey.searched_N.any():
        return ""
    detector = detector_fingerprint(survey.alignment.detector)
    if trained.removeprefix("femb: ").split(",")[0] == detector:
        return ""
    return f"the network's training data were aligned otherwise ({trained}) than these photos are ({detector})"


def no_face_error(aligned: AlignedImages, alignment: Alignment, never: str = "--align never") -> FembError:
    """Return the error for photos without any face.

    Args:
        aligned: the photos.
        alignment: how their faces were searched.
        never: the option that takes images as they are; empty if the command has none.
    """
    unreadable = f", and {len(aligned.failed):,} cannot be read" if aligned.failed else ""
    number = len(aligned.without_face)
    advice = f"{never} takes images as they are; " if never else ""
    return FembError(
        f"no face was found in {number:,} {'photo' if number == 1 else 'photos'}{unreadable}",
        hint=f"{advice}{alignment.detector} looks for faces of a tenth of the photo's shorter side or more",
    )


def _chosen(row: int, found: PhotoFaces, choice: Choice) -> list[SourceFace]:
    numbers = {id(face): number for number, face in enumerate(by_size(found.faces), start=1)}
    chosen = choose_faces(found.faces, choice, width=found.width, height=found.height)
    return [SourceFace(row, numbers[id(face)], face) for face in chosen]


def _refuse_taken_names(aligned: AlignedFaces) -> None:
    """Refuse an aligned image `photo.jpg#1` beside the first face of `photo.jpg`, which has the same name.

    Raises:
        FembError: there is such an image.
    """
    times = Counter(names_of(aligned, np.arange(len(aligned))))
    name = max(times, key=times.__getitem__, default="")
    if times[name] > 1:
        raise FembError(
            f"{name!r} is the name of an image in {aligned.path}, and of a face of {name.rpartition('#')[0]!r}",
            hint=f"rename the image {name!r}",
        )


def _locate(
    source: ImageSource, photos_N: NDArray[np.int64], alignment: Alignment, fingerprint: str, progress: Progress | None
) -> list[PhotoFaces | FembError]:
    """Search the photos; each of several processes searches a share."""
    own = photos_N[rank() :: world_size()].tolist()
    device = pick_device(alignment.device or "cpu")
    # A GPU finds the same faces, but their landmarks differ by a fraction of a pixel.
    cache = FaceCache(fingerprint if device.type == "cpu" else f"{fingerprint} {device.type}")
    share = locate_faces(source, own, load_face_finder(alignment.detector, device), cache=cache, progress=progress)
    if world_size() == 1:
        return share
    shares: Sequence[Sequence[PhotoFaces | FembError]] = gather_object([share])
    return [each for each in chain.from_iterable(zip_longest(*shares)) if each is not None]


def _names(source: ImageSource, rows: Sequence[int]) -> tuple[str, ...]:
    return tuple(names_of(source, np.array(rows, dtype=np.int64)))
