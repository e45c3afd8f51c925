"""`femb convert`."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from femb_cli.cli import options
from femb_cli.cli.faces_output import tell_of_faces
from femb_cli.cli.next_commands import after_benchmarks, after_dataset
from femb_cli.cli.output import Output, format_pairs
from femb_cli.cli.people_output import tell_of_people
from femb_cli.cli.unread_output import warn_of_unread
from femb_cli.data.conversion.choices import AnyFormat, OnError
from femb_cli.text import left_out

if TYPE_CHECKING:
    from femb_cli.data.conversion.pair_table import PairTable
    from femb_cli.data.source import ImageSource
    from femb_cli.inference.align import AlignedImages, Alignment

MOST_WARNINGS = 10
AS_FILES = ("folder", "webdataset")


def convert(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SRC",
            help="RecordIO directory or .rec, folder of people, zip, tar or WebDataset shards, LMDB, list, .bin,"
            " dataset directory, or Hub id. Several tar archives or zips are one dataset.",
        ),
    ],
    destination: Annotated[Path, typer.Argument(metavar="DST", help="The directory to create.")],
    identities: Annotated[
        Path | None,
        typer.Option(
            "--identities",
            metavar="FILE",
            help="Keep only the people in this file: one name a line. Counts after names are ignored.",
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Keep the first N images.")] = None,
    min_images: Annotated[
        int | None, typer.Option("--min-images", min=1, help="Keep people with at least N images.")
    ] = None,
    split: options.Split = None,
    images: options.ImagesOfList = None,
    label: options.Label = None,
    image_column: options.ImageColumn = None,
    person_folder: options.PersonFolder = None,
    channels: Annotated[
        Literal["rgb", "bgr"] | None,
        typer.Option(
            "--channels",
            help="bgr: red and blue are swapped in the images; the dataset states it, and femb swaps them back."
            " Default: as SRC states, else rgb.",
        ),
    ] = None,
    align: options.Align = "never",
    faces: options.OneFace = "main",
    detector: options.Detector = "mtcnn",
    on_error: Annotated[
        OnError, typer.Option("--on-error", help="At a damaged image: stop, or skip it and list it in skipped.txt.")
    ] = "stop",
    verify: Annotated[
        bool, typer.Option("--verify", help="Decode all images, and check checksums, to find all damage; slower.")
    ] = False,
    format: Annotated[
        AnyFormat,
        typer.Option(
            "--format",
            help="Format of the output: arrow is the fastest for training, the Hub can show parquet, folder has one"
            " folder a person, webdataset tar shards of KEY.jpg and KEY.cls.",
        ),
    ] = "arrow",
    shard_size: Annotated[
        int, typer.Option("--shard-size", min=1, help="Megabytes of images per file or shard.")
    ] = 500,
    device: options.DeviceOfFaces = None,
    json: options.Json = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    quiet: options.Quiet = False,
) -> None:
    """Convert a face dataset to a Hugging Face dataset; the image bytes stay the same unless --align is given.

    femb detects what SRC is and how it is laid out. A verification set (.bin) becomes a benchmark: images and pairs.
    After an interruption, the same command resumes. (femb convert-checkpoint is for weights.)

    \b
    Examples:
      femb convert faces_webface_112x112/ webface
      femb convert lfw_aligned_112.zip lfw_dev --identities peopleDevTrain.txt
      femb convert ms1m.list ms1m --images /data/ms1m --on-error skip
      femb convert photos/ people --min-images 3 --dry-run
      femb convert celeba.parquet celeba --label celeb_id
      femb convert photos/ people --align auto --on-error skip
      femb convert webface/ hub/ --format parquet
      femb convert "ms1mv3-{0000..0099}.tar" ms1mv3
      femb convert webface/ people/ --format folder
      femb convert agedb_30.bin agedb_30
    """
    # A conversion needs no BLAS threads; starting them would take a fifth of its time.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from femb_cli.data.conversion.journal import remove_published
    from femb_cli.data.conversion.pair_table import find_pair_tables
    from femb_cli.data.open import open_archives, open_source
    from femb_cli.data.read_as import ReadAs
    from femb_cli.files import refuse_existing

    output = Output(json=json, quiet=quiet)
    source = sources[0]
    if align != "never":
        output.load_libraries()
    alignment = _alignment(align, faces, detector, device)
    remove_published(destination)
    refuse_existing(destination, overwrite=overwrite)
    selection: dict[str, Any] = {"identities": identities, "limit": limit, "min_images": min_images}
    writing: dict[str, Any] = {"on_error": on_error, "verify": verify, "overwrite": overwrite}
    read_as = ReadAs(label, image_column, person_folder)
    writing_pairs = {**writing, "channels": channels or "rgb"}
    if dry_run and len(sources) == 1 and (fetched := _describe_fetch(source, split)):
        output.fields({**fetched, "path": str(destination)})
        return
    path = _fetch(source, split, output) if len(sources) == 1 else Path(source)
    if len(sources) == 1 and _holds_pairs(path):
        _refuse_for_pairs(**selection, split=split, images=images, label=label)
        _refuse_formats_of_people(format)
        _convert_pairs({"": path}, destination, output, writing_pairs, source, dry_run=dry_run)
        return
    if len(sources) == 1 and (tables := find_pair_tables(path, split, read_as)):
        _refuse_for_pairs(**selection)
        _refuse_formats_of_people(format)
        _convert_pairs(tables, destination, output, writing_pairs, source, images, dry_run=dry_run)
        return
    if len(sources) > 1:
        opened = open_archives([Path(each) for each in sources], read_as, channels=channels)
    else:
        opened = open_source(path, split=split, images=images, read_as=read_as, channels=channels)
    warn_of_unread(output, opened)
    tell_of_people(opened, output)
    _warn_of_colours(opened, output)
    selection["identities"] = _read_identities(identities)
    settings = {**selection, **writing, "format": format, "shard_bytes": shard_size * 10**6}
    if dry_run:
        _print_plan(opened, destination, output, selection, settings)
    elif alignment is None:
        _warn_of_photos(opened, output)
        _convert_images(opened, destination, output, settings)
    else:
        aligned = _align(opened, alignment, output, selection, skip_bad=on_error == "skip")
        _convert_images(aligned.source, destination, output, settings, aligned)
    if not dry_run:
        _remove_unpacked(opened)


def _alignment(
    align: options.AlignChoice, faces: Literal["main", "largest", "center"], detector: str, device: str | None
) -> "Alignment | None":
    """Return how faces are aligned; None if they are not.

    Raises:
        UsageError: a device is given, and no face is searched.
        FembError: the device is not here.
    """
    from femb_cli.errors import UsageError

    if align == "never":
        if device is not None:
            raise UsageError("--device needs --align", hint="it says where faces are searched; --align auto does that")
        return None
    from femb_cli.inference.align import Alignment

    return Alignment(align, faces, detector, device)


def _holds_pairs(path: Path) -> bool:
    from femb_cli.data.verification_bin.verification_set import is_verification_set
    from femb_cli.files import exists

    return exists(path) and path.is_file() and (path.suffix == ".bin" or is_verification_set(path))


def _describe_fetch(source: str, split: str | None) -> dict[str, Any]:
    """Describe what would be downloaded of a source on the Hub; empty if it is here."""
    from femb_cli.data.huggingface.hub import find_download, is_hub_id

    found = find_download(source, split=split) if is_hub_id(source) else None
    if found is None:
        return {}
    return {"fetches": source, "revision": found.revision, "num_files": found.num_files, "bytes": found.bytes}


def _fetch(source: str, split: str | None, output: Output) -> Path:
    """Return the path of a source, downloaded if it is on the Hub."""
    from femb_cli.data.huggingface.hub import download_dataset, is_hub_id

    return download_dataset(source, split=split, say=output.say) if is_hub_id(source) else Path(source)


def _remove_unpacked(source: "ImageSource") -> None:
    """Remove the unpacked copies of compressed archives, of which the dataset is a copy now."""
    from femb_cli.data.channels import as_stored
    from femb_cli.data.tar.source import TarSource

    if isinstance(stored := as_stored(source), TarSource):
        stored.remove_unpacked()


def _read_identities(path: Path | None) -> list[str] | None:
    from femb_cli.data.conversion.plan import read_identity_list

    return None if path is None else read_identity_list(path)


def _warn_of_photos(source: "ImageSource", output: Output) -> None:
    from femb_cli.data.survey import warn_of_photos

    if warning := warn_of_photos(source, advice="photos are kept as they are; --align auto writes their aligned faces"):
        output.warn(warning)


def _warn_of_colours(source: "ImageSource", output: Output) -> None:
    from femb_cli.data.channels import channels_of
    from femb_cli.data.colours import describe_swapped, survey_colours

    other = "rgb" if channels_of(source) == "bgr" else "bgr"
    advice = f"--channels {other} puts them right, and leaves the bytes of the images as they are"
    if warning := describe_swapped(survey_colours(source), advice):
        output.warn(warning)


def _align(
    source: "ImageSource", alignment: "Alignment", output: Output, selection: dict[str, Any], *, skip_bad: bool
) -> "AlignedImages":
    """Find the faces of the selected photos; photos without one are left out."""
    import numpy as np

    from femb_cli.data.conversion.plan import plan_conversion
    from femb_cli.inference.align import align_source, no_face_error, survey_source
    from femb_cli.inference.embed import UnreadableImage
    from femb_cli.runtime.signals import interruption_says

    plan = plan_conversion(source, **selection)
    # Images without an identity stay in the source, so that the conversion refuses or lists them.
    survey = survey_source(source, alignment, rows_N=np.union1d(plan.rows_N, plan.unlabeled_M))
    output.say(survey.note or "no image is a photo: nothing is aligned")
    with interruption_says("interrupted; the same command continues"), output.progress("finding faces") as progress:
        try:
            aligned = align_source(survey, skip_bad=skip_bad, encoding="png", progress=progress)
        except UnreadableImage as error:
            error.hint = "--on-error skip leaves such images out"
            raise
    if not len(aligned.source):
        raise no_face_error(aligned, alignment)
    for name, problem in aligned.failed[:MOST_WARNINGS]:
        output.warn(left_out(name, problem))
    tell_of_faces(output, aligned.num_photos, aligned.without_face, aligned.several_faces, alignment.faces)
    return aligned


def _print_plan(
    source: "ImageSource", destination: Path, output: Output, selection: dict[str, Any], settings: dict[str, Any]
) -> None:
    """Print what a conversion would take, and refuse what it would refuse before it reads an image."""
    from femb_cli.data.conversion.convert import why_unlabeled, with_skip_hint
    from femb_cli.data.conversion.dataset_writer import refuse_no_dataset
    from femb_cli.data.conversion.plan import plan_conversion
    from femb_cli.data.conversion.to_files import refuse_no_people

    refuse = refuse_no_people if settings["format"] in AS_FILES else refuse_no_dataset
    refuse(destination)
    plan = plan_conversion(source, **selection)
    if settings["on_error"] == "stop" and len(plan.unlabeled_M):
        raise with_skip_hint(why_unlabeled(source, int(plan.unlabeled_M[0])))
    _show(
        output,
        source,
        {
            "source_kind": source.kind,
            "num_images": plan.num_images,
            "num_identities": plan.num_identities,
            "num_unlabeled": len(plan.unlabeled_M),
            "num_unselected": len(source) - plan.num_images - len(plan.unlabeled_M),
            "path": str(destination),
        },
    )


def _convert_images(
    source: "ImageSource",
    destination: Path,
    output: Output,
    settings: dict[str, Any],
    aligned: "AlignedImages | None" = None,
) -> None:
    """Write a dataset and print what it holds; `aligned` says what became of the photos that were searched."""
    from femb_cli.data.conversion.convert import convert as convert_source
    from femb_cli.data.conversion.to_files import convert_to_files
    from femb_cli.runtime.signals import interruption_says

    as_files = settings["format"] in AS_FILES
    write = convert_to_files if as_files else convert_source
    interrupted = "interrupted; nothing was written" if as_files else "interrupted; the same command continues"
    left_out = aligned.left_out if aligned else []
    of_photos = {"num_photos": aligned.num_photos, "num_without_face": len(aligned.without_face)} if aligned else {}
    with interruption_says(interrupted), output.progress("converting") as progress:
        done = write(source, destination, **settings, left_out=left_out, progress=progress)
    _warn_of_skipped(output, done.skipped[len(left_out) :], done.path)
    _show(
        output,
        source,
        {
            "num_images": done.num_images,
            "num_identities": done.num_identities,
            "num_skipped": done.num_skipped,
            "num_unselected": done.num_unselected,
            **of_photos,
            "bytes": done.bytes,
            "path": str(done.path),
        },
    )
    output.next(*after_dataset(destination, settings["format"]))


def _show(output: Output, source: "ImageSource", fields: dict[str, Any]) -> None:
    """Print a result; its JSON also counts the files that are not read, which a warning has named already."""
    from femb_cli.data.files.unread import unread_of

    output.result({**fields, "unread": dict(unread_of(source))}, format_pairs(fields))


def _convert_pairs(
    sources: "Mapping[str, PairTable | Path]",
    destination: Path,
    output: Output,
    settings: dict[str, Any],
    name: str,
    images: Path | None = None,
    *,
    dry_run: bool,
) -> None:
    """Write a benchmark of each verification set or table of pairs, in a folder of its own if there are several."""
    results = []
    for split, source in sources.items():
        place = destination / split if split else destination
        title = f"{Path(name).name}{f', {split}' if split else ''}"
        results.append(_convert_pair_set(source, place, output, settings, title, images, dry_run=dry_run))
    if len(results) == 1:
        output.fields(results[0])
    else:
        output.result(results, "\n\n".join(map(format_pairs, results)))
    if not dry_run:
        output.next(*after_benchmarks([result["path"] for result in results]))


def _convert_pair_set(
    source: "PairTable | Path",
    destination: Path,
    output: Output,
    settings: dict[str, Any],
    title: str,
    images: Path | None,
    *,
    dry_run: bool,
) -> dict[str, Any]:
    """Write one benchmark, and return what it holds."""
    from femb_cli.data.channels import with_channels
    from femb_cli.data.conversion.benchmark import write_benchmark
    from femb_cli.data.conversion.pair_table import read_pair_table
    from femb_cli.data.inspection.pairs import PairImages
    from femb_cli.data.verification_bin.verification_set import read_verification_set
    from femb_cli.runtime.signals import interruption_says

    if isinstance(source, Path):
        pairs = read_verification_set(source)
    else:
        output.say(source.columns.description)
        pairs = read_pair_table(source, images)
    path = source if isinstance(source, Path) else Path(title)
    _warn_of_colours(with_channels(PairImages(path, pairs), settings["channels"]), output)
    if dry_run:
        kind = "bin" if isinstance(source, Path) else "pairs"
        counts = {"source_kind": kind, "num_pairs": len(pairs), "num_genuine": int(pairs.genuine_N.sum())}
        return counts | {"path": str(destination)}
    with interruption_says("interrupted; nothing was written"), output.progress("converting") as progress:
        done = write_benchmark(pairs, destination, source=title, **settings, progress=progress)
    _warn_of_skipped(output, done.skipped, done.path)
    return {
        "num_pairs": done.num_pairs,
        "num_genuine": done.num_genuine,
        "num_images": done.num_images,
        "num_skipped": done.num_skipped,
        "path": str(done.path),
    }


def _refuse_for_pairs(**chosen: object) -> None:
    from femb_cli.errors import UsageError

    given = [f"--{name.replace('_', '-')}" for name, value in chosen.items() if value is not None]
    if given:
        raise UsageError(f"femb converts all pairs of a benchmark: {', '.join(given)} does not apply to it")


def _refuse_formats_of_people(format: str) -> None:
    from femb_cli.errors import UsageError

    if format in ("parquet", "webdataset"):
        raise UsageError(
            f"--format {format} is for images of people; the pairs of a benchmark become images and pairs.csv",
            hint="leave --format out",
        )


def _warn_of_skipped(output: Output, skipped: list[tuple[str, str]], path: Path) -> None:
    """Print the first few images or pairs left out; `skipped.txt` lists all."""
    from femb_cli.data.conversion.skipped import SKIPPED_FILE

    for name, reason in skipped[:MOST_WARNINGS]:
        output.warn(f"left out {name}: {reason}")
    if len(skipped) > MOST_WARNINGS:
        output.warn(f"left out {len(skipped) - MOST_WARNINGS} more, see {path / SKIPPED_FILE}")
