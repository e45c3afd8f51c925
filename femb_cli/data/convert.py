"""From any source with identities to a training set on disk, image bytes untouched."""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from femb_cli.data.dataset_writer import DatasetWriter
from femb_cli.data.encoded import check_image
from femb_cli.data.layout import first_without_identity
from femb_cli.data.source import Identities, ImageSource
from femb_cli.errors import FembError

SKIPPED_FILE = "skipped.txt"
_NAME_AND_COUNT = re.compile(r"(?P<name>.*?\S)(?:[ \t]+\d+)?[ \t]*")


@dataclass(frozen=True)
class ConversionPlan:
    """Which images of a source a conversion takes.

    Attributes:
        rows_N: int64, into the source.
        labels_N: int64, into `identity_names`; -1 for images without an identity, which cannot be converted.
        identity_names: Of the identities that remain, in the source's order.
    """

    rows_N: np.ndarray
    labels_N: np.ndarray
    identity_names: list[str]

    @property
    def num_images(self) -> int:
        """Images that have an identity."""
        return int((self.labels_N >= 0).sum())

    @property
    def num_identities(self) -> int:
        """Identities that have an image."""
        return len(self.identity_names)


@dataclass(frozen=True)
class Conversion:
    """What a conversion wrote.

    Attributes:
        path: The data set.
        num_images: Written.
        num_identities: With at least one image written.
        num_skipped: Images left out because something was wrong with them.
        bytes: Of all images written.
        skipped: Name and reason of each image left out.
    """

    path: Path
    num_images: int
    num_identities: int
    num_skipped: int
    bytes: int
    skipped: list[tuple[str, str]]


def convert(
    source: ImageSource,
    destination: str | Path,
    *,
    identities: Collection[str] | None = None,
    limit: int | None = None,
    min_images: int | None = None,
    on_error: Literal["stop", "skip"] = "stop",
    verify: bool = False,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Conversion:
    """Write the images of `source` to a training set at `destination`.

    Args:
        source: With identities.
        destination: The directory to make.
        identities: Take only these.
        limit: Take only the first so many images of what remains.
        min_images: Take only identities with at least so many images.
        on_error: What to do about an image that is damaged or has no identity; what is skipped is listed in
            `skipped.txt` in the data set.
        verify: Decode every image, rather than look at its header and end only.
        overwrite: Replace an existing data set.
        progress: Called with the number of images done and of all.

    Raises:
        FembError: The source has no identities, nothing is selected or remains, `destination` exists, or, with
            `on_error` "stop", the first damaged image.
    """
    plan = plan_conversion(source, identities=identities, limit=limit, min_images=min_images)
    with DatasetWriter(
        destination, plan.identity_names, source=source.path.name, source_kind=source.kind, overwrite=overwrite
    ) as writer:
        skipped = []
        for name, reason in _copy(source, plan, writer, verify=verify, progress=progress):
            if on_error == "stop":
                reason.hint = reason.hint or "--on-error skip leaves such images out"
                raise reason
            skipped.append((name, reason.message))
        if len(skipped) == len(plan.rows_N):
            raise FembError(f"none of the {len(skipped)} images of {source.path} is sound; the first: {skipped[0][1]}")
        if skipped:
            _write_skipped(writer.folder / SKIPPED_FILE, skipped)
    return Conversion(writer.path, writer.num_images, writer.num_identities, len(skipped), writer.num_bytes, skipped)


def plan_conversion(
    source: ImageSource,
    *,
    identities: Collection[str] | None = None,
    limit: int | None = None,
    min_images: int | None = None,
) -> ConversionPlan:
    """Select images without reading any; the arguments are those of `convert`.

    Images without an identity stay in the plan, up to the last one that is taken: whether to stop at them or to
    skip them is decided when they are read.

    Raises:
        FembError: The source has no identities, or not those asked for, or nothing is left.
    """
    known = _identities_of(source)
    taken_C = np.ones(len(known.names), dtype=bool)
    if identities is not None:
        taken_C &= _are_wanted(known.names, identities, source.path)
    if min_images is not None:
        taken_C &= np.bincount(known.labels_N[known.labels_N >= 0], minlength=len(known.names)) >= min_images
    rows_N = np.flatnonzero((known.labels_N < 0) | taken_C[known.labels_N])
    counted = np.flatnonzero(known.labels_N[rows_N] >= 0)[:limit]
    if not len(counted):
        raise FembError(f"no image of {source.path} is selected", hint="loosen --identities, --min-images or --limit")
    return _number_anew(known, rows_N if limit is None else rows_N[: counted[-1] + 1])


def read_identity_list(path: str | Path) -> list[str]:
    """Read names of identities, one a line.

    A number after a name is a count and ignored; so is a first line that is the number of the lines after it, as in
    LFW's people files, and an empty line.

    Raises:
        FembError: The file cannot be read as UTF-8, or has no name in it.
    """
    try:
        lines = [line for line in Path(path).read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except OSError as error:
        raise FembError(f"cannot read the list of identities {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FembError(f"the list of identities {path} is no UTF-8 text: {error}") from error
    if lines and lines[0].strip().isdecimal() and int(lines[0]) == len(lines) - 1:
        lines = lines[1:]
    if not lines:
        raise FembError(f"the list of identities {path} has no name in it")
    matches = [_NAME_AND_COUNT.fullmatch(line) for line in lines]
    return list(dict.fromkeys(match["name"] for match in matches if match))


def _copy(
    source: ImageSource,
    plan: ConversionPlan,
    writer: DatasetWriter,
    *,
    verify: bool,
    progress: Callable[[int, int], None] | None,
) -> Iterator[tuple[str, FembError]]:
    """Copy the planned images, yielding the name of each that cannot be, and why."""
    for done, (row, label) in enumerate(zip(plan.rows_N, plan.labels_N, strict=True), start=1):
        name = source.names[int(row)]
        try:
            image = _read_sound_image(source, int(row), int(label), decode=verify)
        except FembError as error:
            yield name, error
        else:
            writer.write(image, int(label), name)
        if progress is not None:
            progress(done, len(plan.rows_N))


def _read_sound_image(source: ImageSource, row: int, label: int, *, decode: bool) -> bytes:
    image = source.read(row)
    try:
        check_image(image, decode=decode)
    except ValueError as error:
        raise FembError(f"{source.names[row]!r} in {source.path} {error}") from error
    if label < 0:
        raise FembError(f"the label of {source.names[row]!r} in {source.path} is no identity")
    return image


def _identities_of(source: ImageSource) -> Identities:
    if source.identities is not None and source.identities.names:
        return source.identities
    loose = first_without_identity(source.names) if source.kind in ("folder", "zip") else None
    raise FembError(
        f"{source.path} does not say who is on its images"
        + (f": {loose!r} does not lie in the folder of one identity" if loose else ""),
        hint="lay the images out as one folder for each identity, NAME/IMAGE.jpg, or give RecordIO with labels",
    )


def _are_wanted(names: list[str], wanted: Collection[str], path: Path) -> np.ndarray:
    """Whether each name is wanted, (C,); every wanted one must be among them."""
    present = set(names)
    absent = [name for name in dict.fromkeys(wanted) if name not in present]
    if absent:
        examples = ", ".join(map(repr, absent[:3])) + (", ..." if len(absent) > 3 else "")
        raise FembError(
            f"{len(absent)} of {len(wanted)} identities asked for are not in {path}: {examples}",
            hint=f"its identities are named like {names[0]!r}",
        )
    wanted = set(wanted)
    return np.array([name in wanted for name in names])


def _number_anew(known: Identities, rows_N: np.ndarray) -> ConversionPlan:
    """Number the identities that the rows still have from 0, in their old order."""
    labels_N = known.labels_N[rows_N]
    kept = np.unique(labels_N[labels_N >= 0])
    new_labels_N = np.where(labels_N >= 0, np.searchsorted(kept, labels_N), -1)
    return ConversionPlan(rows_N, new_labels_N, [known.names[label] for label in kept])


def _write_skipped(path: Path, skipped: list[tuple[str, str]]) -> None:
    """Write one line for each image left out: its name, a tab, the reason."""
    path.write_text("".join(f"{name}\t{reason}\n" for name, reason in skipped), encoding="utf-8")
