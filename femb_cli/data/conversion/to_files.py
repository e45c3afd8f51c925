"""Convert any source with identities to files for other programs: a folder for each person, or WebDataset shards."""

import csv
import io
import warnings
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import xxhash

from femb_cli.data.channels import as_stored, channels_of
from femb_cli.data.conversion.batch_reader import read_batches
from femb_cli.data.conversion.choices import FilesFormat, OnError
from femb_cli.data.conversion.convert import Conversion, summarise, why_unlabeled, with_skip_hint
from femb_cli.data.conversion.dataset_writer import SHARD_BYTES
from femb_cli.data.conversion.file_writers import FileWriter, FolderWriter, ShardWriter
from femb_cli.data.conversion.plan import ConversionPlan, plan_conversion
from femb_cli.data.conversion.safe_names import safe_name
from femb_cli.data.conversion.skipped import SKIPPED_FILE, skipped_text
from femb_cli.data.dataset_info import FEMB_INFO_FILE, DatasetInfo, has_dataset_info, write_dataset_info
from femb_cli.data.source import DerivedSource, HasExtraColumns, ImageSource, names_of
from femb_cli.errors import FembError
from femb_cli.files import exists, new_folder
from femb_cli.progress import Progress

RENAMED_FILE = ".renamed.csv"
"""In a folder of people or of shards: the names that could not be those of files. Hidden, so that it is no data."""


def convert_to_files(
    source: ImageSource,
    destination: str | Path,
    *,
    format: FilesFormat,
    identities: Collection[str] | None = None,
    limit: int | None = None,
    min_images: int | None = None,
    on_error: OnError = "stop",
    verify: bool = False,
    shard_bytes: int = SHARD_BYTES,
    overwrite: bool = False,
    left_out: Sequence[tuple[str, str]] = (),
    progress: Progress | None = None,
) -> Conversion:
    """Write the images of `source` as files; the arguments are those of `convert`.

    An interrupted conversion leaves nothing and starts again.

    Raises:
        FembError: As `convert`, or `destination` is a directory that this function did not write.

    Warns:
        UserWarning: Extra columns are not written, or names are not those of the source.
    """
    destination = Path(destination)
    channels, source = channels_of(source), as_stored(source)
    plan = plan_conversion(source, identities=identities, limit=limit, min_images=min_images)
    if on_error == "stop" and len(plan.unlabeled_M):
        raise with_skip_hint(why_unlabeled(source, int(plan.unlabeled_M[0])))
    refuse_no_people(destination)
    _warn_of_columns(source, plan)
    skipped = [*left_out]
    skipped += [(source.names[row], why_unlabeled(source, row).message) for row in plan.unlabeled_M.tolist()]
    with new_folder(destination, overwrite=overwrite) as directory:
        with _writer(format, directory, plan.identity_names, destination.name, shard_bytes) as writer:
            info = _copy(source, plan, writer, skipped, on_error, verify=verify, progress=progress)
            info = replace(info, channels=channels)
        if not info.num_images:
            raise FembError(f"none of the {len(skipped)} images of {source.path} is intact; the first: {skipped[0][1]}")
        _write_notes(directory, format, info, writer.renamed, skipped)
    if writer.renamed:
        path, name = next(iter(writer.renamed.items()))
        warnings.warn(
            f"{len(writer.renamed):,} names are written in another way, such as {name!r} as {path!r}; see"
            f" {destination / RENAMED_FILE}",
            stacklevel=2,
        )
    assert info.num_images is not None and info.num_identities is not None and info.bytes is not None
    return summarise(
        source,
        destination,
        skipped,
        num_images=info.num_images,
        num_identities=info.num_identities,
        num_bytes=info.bytes,
    )


def _writer(
    format: FilesFormat, directory: Path, people: list[str], name: str, shard_bytes: int
) -> FolderWriter | ShardWriter:
    if format == "folder":
        return FolderWriter(directory, people)
    return ShardWriter(directory, people, name=safe_name(name), shard_bytes=shard_bytes)


def _copy(
    source: ImageSource,
    plan: ConversionPlan,
    writer: FileWriter,
    skipped: list[tuple[str, str]],
    on_error: OnError,
    *,
    verify: bool,
    progress: Progress | None,
) -> DatasetInfo:
    """Write the planned images, and add to `skipped` those that are damaged.

    Returns:
        What was written.
    """
    checksum, num_images, num_bytes, people = xxhash.xxh3_128(), 0, 0, set()
    sizes: set[tuple[int, ...]] = set()
    for batch in read_batches(source, plan.rows_N, decode=verify):
        if on_error == "stop" and batch.faults:
            raise with_skip_hint(batch.faults[0][1])
        skipped += [(source.names[row], fault.message) for row, fault in batch.faults]
        labels = plan.labels_N[batch.places_N].tolist()
        for index, name in enumerate(names_of(source, plan.rows_N[batch.places_N])):
            writer.write(bytes(batch.images[index]), labels[index], name)
        checksum.update(batch.images.data)
        num_images, num_bytes = num_images + len(labels), num_bytes + len(batch.images.data)
        people.update(labels)
        sizes.update(map(tuple, batch.sizes_N2.tolist()))
        if progress is not None:
            progress(batch.stop, plan.num_images)
    size = next(iter(sizes)) if len(sizes) == 1 else (0, 0)
    return DatasetInfo(
        num_images=num_images,
        num_identities=len(people),
        image_size=(size[0], size[1]) if all(size) else None,
        bytes=num_bytes,
        source=source.path.name,
        source_kind=source.kind,
        checksum=checksum.hexdigest(),
        alignment=source.alignment if isinstance(source, DerivedSource) else None,
    )


def _write_notes(
    directory: Path, format: FilesFormat, info: DatasetInfo, renamed: dict[str, str], skipped: list[tuple[str, str]]
) -> None:
    """Write what is known of the dataset; in a folder of people under a hidden name, because it is no image."""
    write_dataset_info(directory, info)
    if format == "folder":
        (directory / FEMB_INFO_FILE).rename(directory / f".{FEMB_INFO_FILE}")
    if skipped:
        (directory / SKIPPED_FILE).write_text(skipped_text(skipped), encoding="utf-8")
    if renamed:
        table = io.StringIO(newline="")
        csv.writer(table, lineterminator="\n").writerows([("written", "original"), *renamed.items()])
        (directory / RENAMED_FILE).write_text(table.getvalue(), encoding="utf-8", errors="backslashreplace")


def _warn_of_columns(source: ImageSource, plan: ConversionPlan) -> None:
    extra = source.extra(plan.rows_N[:1]) if isinstance(source, HasExtraColumns) else None
    if extra is not None:
        warnings.warn(f"these columns of {source.path} are not written: {', '.join(extra.column_names)}", stacklevel=3)


def refuse_no_people(path: Path) -> None:
    """Refuse to replace a directory that femb did not write.

    Raises:
        FembError: `path` exists and is something else.
    """
    if exists(path) and not (has_dataset_info(path) or (path / f".{FEMB_INFO_FILE}").is_file()):
        raise FembError(f"{path} is not a dataset, so it is not overwritten", hint="choose another name")
