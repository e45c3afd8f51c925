"""From any source with identities to a training set on disk, image bytes untouched."""

import logging
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xxhash

from femb_cli.data.conversion.batch import read_batches
from femb_cli.data.conversion.dataset_writer import SHARD_BYTES, DatasetWriter
from femb_cli.data.conversion.shards import Format
from femb_cli.data.conversion.skipped import SKIPPED_FILE, skipped_text
from femb_cli.data.identities import Identities, first_without_identity
from femb_cli.data.source import HasExtraColumns, ImageSource, names_of, read_or_error
from femb_cli.errors import FembError
from femb_cli.progress import Progress

_NAME_AND_COUNT = re.compile(r"(?P<name>.*?\S)(?:[ \t]+\d+)?[ \t]*")

logger = logging.getLogger("femb")


@dataclass(frozen=True)
class ConversionPlan:
    """Which images of a source a conversion takes.

    Attributes:
        rows_N: Integers, into the source: the images to take.
        labels_N: Integers, into `identity_names`, one for each of them.
        identity_names: Of the identities that remain, in the source's order.
        unlabeled_M: Into the source: images among them that have no identity, or are damaged beyond having one.
    """

    rows_N: np.ndarray
    labels_N: np.ndarray
    identity_names: list[str]
    unlabeled_M: np.ndarray

    @property
    def num_images(self) -> int:
        """Images that have an identity."""
        return len(self.rows_N)

    @property
    def num_identities(self) -> int:
        """Identities that have an image."""
        return len(self.identity_names)


@dataclass(frozen=True)
class Conversion:
    """What a conversion wrote; of the images of the source, each is written, left out or not selected.

    Attributes:
        path: The dataset.
        num_images: Written.
        num_identities: With at least one image written.
        num_skipped: Images left out because something was wrong with them.
        num_unselected: Images that were not asked for.
        bytes: Of all images written.
        skipped: Name and reason of each image left out.
    """

    path: Path
    num_images: int
    num_identities: int
    num_skipped: int
    num_unselected: int
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
    format: Format = "arrow",
    shard_bytes: int = SHARD_BYTES,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Conversion:
    """Write the images of `source` to a training set at `destination`.

    A conversion that was interrupted is gone on from where its last whole file ends, and the result is the same.

    Args:
        source: With identities.
        destination: The directory to make.
        identities: Take only these.
        limit: Take only the first so many images of what remains.
        min_images: Take only identities with at least so many images.
        on_error: What to do about an image that is damaged or has no identity; what is skipped is listed in
            `skipped.txt` in the dataset.
        verify: Decode every image, rather than look at its header and end only.
        format: Arrow, which training reads fastest, or Parquet, which the Hub shows.
        shard_bytes: Bytes of images in a file.
        overwrite: Replace an existing dataset.
        progress: Called with the number of images done and of all.

    Raises:
        FembError: The source has no identities, nothing is selected or remains, `destination` exists, or, with
            `on_error` "stop", the first damaged image.
    """
    plan = plan_conversion(source, identities=identities, limit=limit, min_images=min_images)
    if on_error == "stop" and len(plan.unlabeled_M):
        raise _stop(_why_unlabeled(source, int(plan.unlabeled_M[0])))
    with DatasetWriter(
        destination,
        plan.identity_names,
        source=source.path.name,
        source_kind=source.kind,
        format=format,
        shard_bytes=shard_bytes,
        overwrite=overwrite,
        job={"verify": verify, "format": format, "shard_bytes": shard_bytes, **_describe(source, plan)},
    ) as writer:
        skipped = [
            *((source.names[row], _why_unlabeled(source, row).message) for row in plan.unlabeled_M.tolist()),
            *_copy(source, plan, writer, stop=on_error == "stop", verify=verify, progress=progress),
        ]
        if not writer.num_images:
            raise FembError(f"none of the {len(skipped)} images of {source.path} is sound; the first: {skipped[0][1]}")
        if skipped:
            writer.attach(SKIPPED_FILE, skipped_text(skipped))
    return Conversion(
        path=writer.path,
        num_images=writer.num_images,
        num_identities=writer.num_identities,
        num_skipped=len(skipped),
        num_unselected=len(source) - writer.num_images - len(skipped),
        bytes=writer.num_bytes,
        skipped=skipped,
    )


def plan_conversion(
    source: ImageSource,
    *,
    identities: Collection[str] | None = None,
    limit: int | None = None,
    min_images: int | None = None,
) -> ConversionPlan:
    """Select images without reading any; the arguments are those of `convert`.

    Images without an identity are part of the plan, up to the last image that is taken.

    Raises:
        FembError: The source has no identities, or not those asked for, or nothing is left.
    """
    known = _identities_of(source)
    taken_C = np.ones(len(known.names), dtype=bool)
    if identities is not None:
        taken_C &= _are_wanted(known.names, identities, source.path)
    if min_images is not None:
        taken_C &= np.bincount(known.labels_N[known.labels_N >= 0], minlength=len(known.names)) >= min_images
    is_named_N = known.labels_N >= 0
    # Half the memory of the usual integers, of which there may be forty million.
    dtype = np.int32 if len(source) < 2**31 else np.int64
    rows_N = np.flatnonzero(is_named_N & taken_C[known.labels_N])[:limit].astype(dtype)
    if not len(rows_N):
        raise FembError(f"no image of {source.path} is selected", hint="loosen --identities, --min-images or --limit")
    end = len(source) if limit is None else int(rows_N[-1]) + 1
    return _number_anew(known, rows_N, np.flatnonzero(~is_named_N[:end]))


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
    stop: bool,
    verify: bool,
    progress: Progress | None,
) -> list[tuple[str, str]]:
    """Copy the planned images from where an interrupted conversion ended; return name and reason of those that are not.

    Raises:
        FembError: With `stop`, the first fault, which may be one that the interrupted conversion passed over.
    """
    skipped = [(name, reason) for note in writer.notes for name, reason in note["skipped"]]
    if stop and skipped:
        raise _stop(FembError(skipped[0][1]))
    noted = len(skipped)
    start = writer.notes[-1]["done"] if writer.notes else 0
    if start:
        logger.info(f"going on after {start:,} of {plan.num_images:,} images, which an earlier run has converted")
    for batch in read_batches(source, plan.rows_N, start, decode=verify):
        if stop and batch.faults:
            raise _stop(batch.faults[0][1])
        skipped += [(source.names[row], fault.message) for row, fault in batch.faults]
        rows_N = plan.rows_N[batch.places_N]
        writer.write_batch(
            batch.images,
            plan.labels_N[batch.places_N],
            names_of(source, rows_N),
            sizes_N2=batch.sizes_N2,
            extra=source.extra(rows_N) if isinstance(source, HasExtraColumns) and len(rows_N) else None,
        )
        if writer.shard_is_full:
            writer.end_shard({"done": batch.stop, "skipped": skipped[noted:]})
            noted = len(skipped)
        if progress is not None:
            progress(batch.stop, plan.num_images)
    return skipped


def _stop(error: FembError) -> FembError:
    error.hint = error.hint or "--on-error skip leaves such images out"
    return error


def _why_unlabeled(source: ImageSource, row: int) -> FembError:
    """Say what is wrong with an image that has no identity."""
    image = read_or_error(source, row)
    if isinstance(image, FembError):
        return image
    return FembError(f"the label of {source.names[row]!r} in {source.path} is no identity")


def _describe(source: ImageSource, plan: ConversionPlan) -> dict[str, Any]:
    """Describe what is converted so that another conversion, or of a file that has changed, looks different."""
    names = source.names if source.kind in ("folder", "list") else ()
    content = xxhash.xxh3_128(f"{plan.identity_names} {list(names)}".encode())
    content.update(plan.rows_N.data)
    content.update(plan.labels_N.data)
    changed = [[stat.st_size, stat.st_mtime_ns] for stat in map(Path.stat, _files_of(source))]
    return {"source": str(source.path.resolve()), "changed": changed, "plan": content.hexdigest()}


def _files_of(source: ImageSource) -> list[Path]:
    """Return the files that hold the images of a source, none where each image is a file or they are afar."""
    if source.path.is_file():
        return [source.path]
    return sorted(source.path.rglob("*")) if source.kind in ("dataset", "parquet") else []


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


def _number_anew(known: Identities, rows_N: np.ndarray, unlabeled_M: np.ndarray) -> ConversionPlan:
    """Number the identities that the rows still have from 0, in their old order."""
    labels_N = known.labels_N if len(rows_N) == len(known.labels_N) else known.labels_N[rows_N]
    is_kept_C = np.zeros(len(known.names), dtype=bool)
    is_kept_C[labels_N] = True
    if is_kept_C.all():
        return ConversionPlan(rows_N, labels_N, known.names, unlabeled_M)
    new_label_C = (np.cumsum(is_kept_C) - 1).astype(labels_N.dtype)
    names = [name for name, is_kept in zip(known.names, is_kept_C.tolist(), strict=True) if is_kept]
    return ConversionPlan(rows_N, new_label_C[labels_N], names, unlabeled_M)
