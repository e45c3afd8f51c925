"""Convert any source with identities to a training set on disk; the image bytes stay the same.

Shapes: N images, M images without an identity.
"""

import logging
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from femb_cli.data.channels import as_stored, channels_of
from femb_cli.data.conversion.batch_reader import read_batches
from femb_cli.data.conversion.choices import Format, OnError
from femb_cli.data.conversion.dataset_writer import SHARD_BYTES, DatasetWriter
from femb_cli.data.conversion.plan import ConversionPlan, plan_conversion
from femb_cli.data.conversion.skipped import SKIPPED_FILE, skipped_text
from femb_cli.data.dataset_info import FEMB_INFO_FILE, has_dataset_info, read_dataset_info
from femb_cli.data.source import (
    DerivedSource,
    HasExtraColumns,
    HasFiles,
    HasLooseFiles,
    ImageSource,
    names_of,
    read_or_error,
)
from femb_cli.errors import FembError
from femb_cli.progress import Progress

logger = logging.getLogger("femb")


@dataclass(frozen=True)
class Conversion:
    """What a conversion wrote. Every image of the source is written, skipped or not selected.

    Attributes:
        path: The dataset.
        num_images: Images written.
        num_identities: Identities with at least one image written.
        num_skipped: Images left out because they are damaged, have no identity, or were left out before.
        num_unselected: Images that were not selected.
        bytes: Bytes of all images written.
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
    on_error: OnError = "stop",
    verify: bool = False,
    format: Format = "arrow",
    shard_bytes: int = SHARD_BYTES,
    overwrite: bool = False,
    left_out: Sequence[tuple[str, str]] = (),
    progress: Progress | None = None,
) -> Conversion:
    """Write the images of `source` to a training set at `destination`.

    Of a source in which red and blue are swapped the bytes stay as they are stored, and the dataset states it.

    An interrupted conversion resumes after its last complete file, with the same result.

    Args:
        source: Images with identities.
        destination: The directory to create.
        identities: Take only these identities.
        limit: Take at most this many images, the first of those that remain.
        min_images: Take only identities with at least this many images.
        on_error: What to do at an image that is damaged or has no identity.
        verify: Decode every image instead of checking only its header and its end, and compare a dataset that femb
            wrote with its checksum.
        format: Arrow or Parquet.
        shard_bytes: Bytes of images in a file.
        overwrite: Replace an existing dataset.
        left_out: Name and reason of each image that `source`, made from another source, does not have: a photo without
            a face, for example. They are listed and counted as skipped.
        progress: Called with the number of images done and in all.

    Raises:
        FembError: The source has no identities, no image is selected or intact, `destination` exists, or, with
            `on_error` "stop", an image is damaged; or, with `verify`, a dataset has changed since femb wrote it.
    """
    channels, source = channels_of(source), as_stored(source)
    plan = plan_conversion(source, identities=identities, limit=limit, min_images=min_images)
    if on_error == "stop" and len(plan.unlabeled_M):
        raise with_skip_hint(why_unlabeled(source, int(plan.unlabeled_M[0])))
    with DatasetWriter(
        destination,
        plan.identity_names,
        source=source.path.name,
        source_kind=source.kind,
        alignment=source.alignment if isinstance(source, DerivedSource) else None,
        channels=channels,
        format=format,
        shard_bytes=shard_bytes,
        overwrite=overwrite,
        job={
            **{"verify": verify, "format": format, "shard_bytes": shard_bytes, "channels": channels},
            **_describe(source, plan),
        },
    ) as writer:
        skipped = [*left_out]
        skipped += [(source.names[row], why_unlabeled(source, row).message) for row in plan.unlabeled_M.tolist()]
        skipped += _copy(source, plan, writer, on_error, verify=verify, progress=progress)
        if verify:
            _check_whole(source, plan, writer, skipped)
        if not writer.num_images:
            raise FembError(f"none of the {len(skipped)} images of {source.path} is intact; the first: {skipped[0][1]}")
        if skipped:
            writer.attach(SKIPPED_FILE, skipped_text(skipped))
    return summarise(
        source,
        writer.path,
        skipped,
        num_images=writer.num_images,
        num_identities=writer.num_identities,
        num_bytes=writer.num_bytes,
    )


def summarise(
    source: ImageSource,
    destination: Path,
    skipped: list[tuple[str, str]],
    *,
    num_images: int,
    num_identities: int,
    num_bytes: int,
) -> Conversion:
    """Return what a conversion wrote and left out; an image of an aligned source may have several faces."""
    num_in_source = len(source.source if isinstance(source, DerivedSource) else source)
    return Conversion(
        path=destination,
        num_images=num_images,
        num_identities=num_identities,
        num_skipped=len(skipped),
        num_unselected=num_in_source - num_images - len(skipped),
        bytes=num_bytes,
        skipped=skipped,
    )


def _copy(
    source: ImageSource,
    plan: ConversionPlan,
    writer: DatasetWriter,
    on_error: OnError,
    *,
    verify: bool,
    progress: Progress | None,
) -> list[tuple[str, str]]:
    """Copy the planned images, from where an interrupted conversion ended.

    Returns:
        Name and reason of each damaged image, those of the interrupted conversion included.

    Raises:
        FembError: With `on_error` "stop", the first damaged image, also if the interrupted conversion skipped it.
    """
    skipped = [(name, reason) for note in writer.notes for name, reason in note["skipped"]]
    if on_error == "stop" and skipped:
        raise with_skip_hint(FembError(skipped[0][1]))
    num_noted = len(skipped)
    start = writer.notes[-1]["done"] if writer.notes else 0
    if start:
        logger.info(f"resuming after {start:,} of {plan.num_images:,} images")
    for batch in read_batches(source, plan.rows_N, start, decode=verify):
        if on_error == "stop" and batch.faults:
            raise with_skip_hint(batch.faults[0][1])
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
            writer.end_shard({"done": batch.stop, "skipped": skipped[num_noted:]})
            num_noted = len(skipped)
        if progress is not None:
            progress(batch.stop, plan.num_images)
    return skipped


def _check_whole(
    source: ImageSource, plan: ConversionPlan, writer: DatasetWriter, skipped: list[tuple[str, str]]
) -> None:
    """Compare the images of a dataset that femb wrote with its checksum, if all of them were copied.

    Raises:
        FembError: The bytes of the images differ from those that were written.
    """
    if not has_dataset_info(source.path) or skipped or plan.num_images < len(source):
        return
    stated = read_dataset_info(source.path)
    if stated.checksum not in (None, writer.checksum):
        raise FembError(
            f"the images of {source.path} have changed since femb wrote it: their checksum is {writer.checksum}, and"
            f" {FEMB_INFO_FILE} states {stated.checksum}",
            hint="the dataset is damaged: make it again, and check the disk and the memory of this machine",
        )


def with_skip_hint(error: FembError) -> FembError:
    """Give the error for an image that cannot be converted a hint on how to go on without it, if it has none."""
    error.hint = error.hint or "--on-error skip leaves such images out"
    return error


def why_unlabeled(source: ImageSource, row: int) -> FembError:
    """Return why an image has no identity: its record is damaged, or its label is not a valid one."""
    image = read_or_error(source, row)
    if isinstance(image, FembError):
        return image
    return FembError(f"the label of {source.names[row]!r} in {source.path} is not a valid identity")


def _describe(source: ImageSource, plan: ConversionPlan) -> dict[str, Any]:
    """Describe the source and the selection, as JSON values.

    An interrupted conversion is resumed only if the descriptions are equal. So the description includes the sizes and
    times of the files, to detect that one has changed.
    """
    if isinstance(source, DerivedSource):
        photos = source.source
        origin = _describe(as_stored(photos), replace(plan, rows_N=source.rows_N[plan.rows_N]))
        return {**origin, "derivation": source.derivation, "photos": channels_of(photos)}
    names = source.names if isinstance(source, HasLooseFiles) else ()
    content = xxhash.xxh3_128(f"{plan.identity_names} {list(names)}".encode())
    content.update(plan.rows_N.data)
    content.update(plan.labels_N.data)
    changed = [[stat.st_size, stat.st_mtime_ns] for stat in map(Path.stat, _files_of(source))]
    described = {"source": str(source.path.resolve()), "changed": changed, "plan": content.hexdigest()}
    if isinstance(source, HasLooseFiles):
        described["images"] = _describe_loose(source, plan.rows_N)
    return described


def _describe_loose(source: HasLooseFiles, rows_N: np.ndarray) -> str:
    """Return a checksum of the folder, the sizes and the times of the files of some images."""
    content = xxhash.xxh3_128(str(source.root.resolve()).encode(errors="surrogateescape"))
    for row in rows_N.tolist():
        try:
            status = os.stat(source.file(row))  # noqa: PTH116 - a Path for each of millions of files takes minutes
        except OSError:  # reading this image is going to say why
            continue
        content.update(b"%d %d %d " % (row, status.st_size, status.st_mtime_ns))
    return content.hexdigest()


def _files_of(source: ImageSource) -> list[Path]:
    """Return the local files that store the images of a source; none if every image is a file."""
    if isinstance(source, HasFiles):
        return list(source.files)
    if source.path.is_file():
        return [source.path]
    return sorted(source.path.rglob("*")) if source.kind in ("dataset", "parquet") else []
