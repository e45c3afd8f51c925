"""`femb inspect`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from femb_cli.cli import options
from femb_cli.cli.inspect_embeddings import inspect_embeddings
from femb_cli.cli.inspect_images import inspect_benchmark, inspect_images, inspect_verification_set
from femb_cli.cli.inspect_model import inspect_model
from femb_cli.cli.output import Output
from femb_cli.errors import FembError, UsageError

WEIGHTS = (".onnx", ".safetensors", ".pt", ".pth", ".ckpt", ".params")

_OTHER_FILES = {".yaml": ("a configuration", "femb config {path}"), ".yml": ("a configuration", "femb config {path}")}
"""What other commands read, by ending."""


def inspect(
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="[PATH]",
            help="Model; folder, zip, list, RecordIO, dataset or Hub id of images; benchmark or .bin; or embeddings."
            " Default: the newest finished run.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[Path | None, options.out("a page (.html) or picture (.png): images, histograms, curves.")] = None,
    doubles: Annotated[
        Path | None,
        typer.Option("--doubles", metavar="FILE", help="Write the images that are there twice to a .csv file."),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Decode all images, to find all damage. Default: 1,000 of them.")
    ] = False,
    split: options.Split = None,
    images: options.ImagesOfList = None,
    label: options.Label = None,
    image_column: options.ImageColumn = None,
    person_folder: options.PersonFolder = None,
    json: options.Json = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Show what a model, a set of images, a benchmark or a file of embeddings is, and what is wrong with it.

    Of a model: network, pixels, training, source, licence, and whether its weights match its fingerprint. Of images:
    people, sizes, kinds of files, damage, images that are there twice, colours that look swapped. Of embeddings: their
    number, magnitudes, network, and rows of zeros or NaN.

    \b
    Examples:
      femb inspect runs/arcface_iresnet18_synthetic_1
      femb inspect mobilefacenet --json
      femb inspect faces/ -o faces.html
      femb inspect webface/ --verify --doubles doubles.csv
      femb inspect celeba.parquet --label celeb_id
      femb inspect agedb_30.bin
      femb inspect faces.npy
    """
    output = Output(json=json, quiet=quiet)
    path = None if path is None else _fetched(path, split, output)
    kind = "model" if path is None else kind_of(path)
    columns = {"--label": label, "--image-column": image_column, "--person-folder": person_folder}
    given = {"--doubles": doubles, "--verify": verify, "--split": split, "--images": images, **columns}
    unused = [name for name, value in given.items() if value]
    if kind == "model" or path is None:
        _refuse(unused, "a model")
        inspect_model(path, output, out=out, overwrite=overwrite)
        return
    if kind == "embeddings":
        _refuse(unused, "embeddings")
        inspect_embeddings(path, output, out=out, overwrite=overwrite)
        return
    writing = {"out": out, "doubles": doubles, "overwrite": overwrite}
    if kind == "images":
        from femb_cli.data.read_as import ReadAs

        read_as = ReadAs(label, image_column, person_folder)
        inspect_images(path, output, split=split, images=images, read_as=read_as, verify=verify, **writing)
        return
    _refuse([name for name in unused if name not in ("--doubles", "--verify")], "a benchmark")
    inspect_pairs = inspect_verification_set if kind == "verification set" else inspect_benchmark
    inspect_pairs(path, output, verify=verify, **writing)


def _fetched(path: Path, split: str | None, output: Output) -> Path:
    """Return the path of what is inspected, downloaded if it is a dataset on the Hub.

    A missing file in a folder that exists is a mistake rather than a dataset on the Hub.
    """
    from femb_cli.data.huggingface.hub import download_dataset, is_hub_id

    text = path.as_posix().replace("hf:/", "hf://", 1)  # a Path has no double slash
    is_remote = is_hub_id(text) and not path.parent.is_dir()
    return download_dataset(text, split=split, say=output.say) if is_remote else path


def kind_of(path: Path) -> Literal["model", "embeddings", "images", "benchmark", "verification set"]:
    """Return what a path holds, by its name and the beginning of its content.

    Raises:
        FembError: there is no such file or folder.
    """
    from femb_cli.checkpoints.runs import CHECKPOINTS, CONFIG, MODEL
    from femb_cli.data.verification_bin.verification_set import is_verification_set
    from femb_cli.evaluation.embeddings.recognise import holds_embeddings
    from femb_cli.evaluation.embeddings.safetensors import has_embeddings
    from femb_cli.evaluation.verification.benchmark_files import is_benchmark
    from femb_cli.files import exists, missing

    if not exists(path):
        raise missing(path, hint="give a model, images, a benchmark or embeddings")
    if other := _OTHER_FILES.get(path.suffix.lower()):
        what, command = other
        raise FembError(f"{path} is {what}", hint=f"{command.format(path=path)} reads it")
    if path.is_dir():
        if any((path / name).exists() for name in (CHECKPOINTS, CONFIG, MODEL)):
            return "model"
        return "benchmark" if is_benchmark(path) else "images"
    ending = path.suffix.lower()
    if ending in WEIGHTS and not (ending == ".safetensors" and has_embeddings(path)):
        return "model"
    if holds_embeddings(path):
        return "embeddings"
    return "verification set" if ending == ".bin" or is_verification_set(path) else "images"


def _refuse(options: list[str], what: str) -> None:
    """Refuse options that do not apply.

    Raises:
        UsageError: there is one.
    """
    if options:
        raise UsageError(f"{', '.join(options)} does not apply to {what}", hint="leave it out")
