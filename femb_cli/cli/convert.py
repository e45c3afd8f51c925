"""`femb convert`."""

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from femb_cli.cli import options
from femb_cli.cli.output import Output

if TYPE_CHECKING:
    from femb_cli.data.source import ImageSource

MOST_WARNINGS = 10


class OnError(StrEnum):
    """What to do about a damaged image."""

    stop = "stop"
    skip = "skip"


class Format(StrEnum):
    """How a dataset lies on the disk."""

    arrow = "arrow"
    parquet = "parquet"


def convert(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SRC", help="RecordIO directory or .rec, folder of people, zip, list, .bin, dataset, or Hub id."
        ),
    ],
    destination: Annotated[Path, typer.Argument(metavar="DST", help="The directory to make.")],
    identities: Annotated[
        Path | None,
        typer.Option("--identities", help="Keep these people: one name a line, a count after it is ignored."),
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Keep the first N images.")] = None,
    min_images: Annotated[
        int | None, typer.Option("--min-images", min=1, help="Keep people with at least N images.")
    ] = None,
    split: Annotated[str | None, typer.Option("--split", help="Of a dataset that has several: train, test ...")] = None,
    images: Annotated[
        Path | None, typer.Option("--images", help="Where the images of a list are. Default: found beside it.")
    ] = None,
    on_error: Annotated[OnError, typer.Option("--on-error", help="At a damaged image.")] = OnError.stop,
    verify: Annotated[bool, typer.Option("--verify", help="Decode every image.")] = False,
    format: Annotated[
        Format, typer.Option("--format", help="arrow is what training reads fastest, parquet what the Hub shows.")
    ] = Format.arrow,
    shard_size: Annotated[int, typer.Option("--shard-size", min=1, help="Megabytes of images in a file.")] = 500,
    json: options.Json = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    quiet: options.Quiet = False,
) -> None:
    """Convert a face dataset to a Hugging Face dataset, image bytes untouched.

    What SRC is, and how it is laid out, is found out. A verification set (.bin) becomes a benchmark: images and pairs.
    Interrupted, the same command goes on. (femb convert-checkpoint is for weights.)

    \b
    Examples:
      femb convert faces_webface_112x112/ webface
      femb convert lfw_aligned_112.zip lfw_dev --identities peopleDevTrain.txt
      femb convert ms1m.list ms1m --images /data/ms1m --on-error skip
      femb convert photos/ people --min-images 3 --dry-run
      femb convert webface/ hub/ --format parquet
      femb convert agedb_30.bin agedb_30
    """
    # A conversion multiplies no matrices: starting threads for them is a fifth of its time.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from femb_cli.files import refuse_existing

    output = Output(json=json, quiet=quiet)
    refuse_existing(destination, overwrite=overwrite)
    selection: dict[str, Any] = {"identities": identities, "limit": limit, "min_images": min_images}
    writing = {"on_error": on_error.value, "verify": verify, "overwrite": overwrite}
    if _holds_pairs(Path(source)):
        _refuse_for_pairs(**selection, split=split, images=images)
        _convert_pairs(Path(source), destination, output, writing, dry_run=dry_run)
        return
    from femb_cli.data.conversion.convert import read_identity_list

    opened = _open_source(source, split, images, output)
    selection["identities"] = read_identity_list(identities) if identities else None
    if dry_run:
        _plan(opened, destination, output, selection)
        return
    layout = {"format": format.value, "shard_bytes": shard_size * 10**6}
    _convert_images(opened, destination, output, {**selection, **writing, **layout})


def _holds_pairs(path: Path) -> bool:
    from femb_cli.data.verification_bin.verification_set import is_verification_set

    return path.is_file() and (path.suffix == ".bin" or is_verification_set(path))


def _open_source(source: str, split: str | None, images: Path | None, output: Output) -> "ImageSource":
    from femb_cli.data.huggingface.hub import download_dataset, is_hub_id
    from femb_cli.data.open import open_source

    path = download_dataset(source, split=split, say=output.say) if is_hub_id(source) else source
    return open_source(path, split=split, images=images)


def _plan(source: "ImageSource", destination: Path, output: Output, selection: dict[str, Any]) -> None:
    from femb_cli.data.conversion.convert import plan_conversion

    plan = plan_conversion(source, **selection)
    facts = {
        "source_kind": source.kind,
        "num_images": plan.num_images,
        "num_identities": plan.num_identities,
        "num_unlabeled": len(plan.unlabeled_M),
        "num_unselected": len(source) - plan.num_images - len(plan.unlabeled_M),
        "path": str(destination),
    }
    output.fields(facts)


def _convert_images(source: "ImageSource", destination: Path, output: Output, settings: dict[str, Any]) -> None:
    from femb_cli.data.conversion.convert import convert as convert_source

    with output.progress("converting") as progress:
        done = convert_source(source, destination, **settings, progress=progress)
    _warn_of_skipped(output, done.skipped, done.path)
    facts = {
        "num_images": done.num_images,
        "num_identities": done.num_identities,
        "num_skipped": done.num_skipped,
        "num_unselected": done.num_unselected,
        "bytes": done.bytes,
        "path": str(done.path),
    }
    output.fields(facts)
    upload = [f"hf upload OWNER/NAME {destination} --repo-type dataset"] if settings["format"] == "parquet" else []
    output.next(f"femb train --data {destination}", *upload)


def _convert_pairs(source: Path, destination: Path, output: Output, settings: dict[str, Any], *, dry_run: bool) -> None:
    from femb_cli.data.conversion.benchmark import write_benchmark
    from femb_cli.data.verification_bin.verification_set import read_verification_set

    pairs = read_verification_set(source)
    if dry_run:
        facts = {"source_kind": "bin", "num_pairs": len(pairs), "num_genuine": int(pairs.genuine_N.sum())}
        output.fields(facts | {"path": str(destination)})
        return
    with output.progress("converting") as progress:
        done = write_benchmark(pairs, destination, source=source.name, **settings, progress=progress)
    _warn_of_skipped(output, done.skipped, done.path)
    facts = {
        "num_pairs": done.num_pairs,
        "num_genuine": done.num_genuine,
        "num_images": done.num_images,
        "num_skipped": done.num_skipped,
        "path": str(done.path),
    }
    output.fields(facts)
    output.next(f"femb verify --dataset {destination}")


def _refuse_for_pairs(**chosen: object) -> None:
    from femb_cli.errors import UsageError

    given = [f"--{name.replace('_', '-')}" for name, value in chosen.items() if value is not None]
    if given:
        raise UsageError(f"a verification set is converted whole: {', '.join(given)} does not apply to it")


def _warn_of_skipped(output: Output, skipped: list[tuple[str, str]], path: Path) -> None:
    """Name the first few; all are in the file."""
    from femb_cli.data.conversion.skipped import SKIPPED_FILE

    for name, reason in skipped[:MOST_WARNINGS]:
        output.warn(f"left out {name}: {reason}")
    if len(skipped) > MOST_WARNINGS:
        output.warn(f"left out {len(skipped) - MOST_WARNINGS} more, which {path / SKIPPED_FILE} names")
