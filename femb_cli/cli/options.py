"""The options that several commands share, so that each has the same name and meaning everywhere.

The help of an option begins with the same words in every command; what is particular to a command stands behind them.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from femb_cli.errors import UsageError

PAGE = (".html", ".htm")
"""Endings of a page's name."""

Choice = Literal["main", "largest", "center", "all"]
Flip = Literal["none", "sum"]

Json = Annotated[bool, typer.Option("--json", rich_help_panel="Output", help="Print one JSON document on stdout.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", rich_help_panel="Output", help="Print results, warnings and errors only.")
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", rich_help_panel="Output", help="Replace an output that exists.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", "-n", rich_help_panel="Output", help="Show what would be done, and do nothing.")
]


def _device(where: str) -> Any:
    """Return the option `--device` of a command, with `where` behind the words that all of them share."""
    return typer.Option(
        "--device",
        rich_help_panel="Machine",
        metavar="DEVICE",
        help=f"cpu, cuda, cuda:1 or mps{where}",
    )


Device = Annotated[str | None, _device(". Default: a GPU, if any.")]
DeviceOfFaces = Annotated[str | None, _device(", where faces are searched. Default: cpu, all its cores.")]
Model = Annotated[
    Path | None,
    typer.Option(
        "--model",
        "-m",
        rich_help_panel="Model",
        metavar="MODEL",
        help="The model: run, checkpoint or .onnx file. Default: the newest finished run.",
    ),
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        "-m",
        metavar="MODEL",
        help="The model: run, checkpoint, .onnx file or NAME=PATH; repeatable. Default: the newest finished run.",
    ),
]
AlignChoice = Literal["auto", "never", "always"]
Align = Annotated[
    AlignChoice,
    typer.Option(
        "--align",
        rich_help_panel="Photos",
        help="Find and align the faces of images larger than 112 x 112 pixels (auto), of none, or of all.",
    ),
]
Faces = Annotated[
    Choice,
    typer.Option(
        "--faces",
        rich_help_panel="Photos",
        help="Which face of a photo: a large one near the middle (main), the largest, the one in the center, or all.",
    ),
]
OneFace = Annotated[
    Literal["main", "largest", "center"],
    typer.Option("--faces", rich_help_panel="Photos", help="Which face of a photo: see femb embed --help."),
]


def _check_detector(context: typer.Context, detector: str) -> str:
    """Refuse a detector that is not there, before anything is read or downloaded."""
    if not context.resilient_parsing:  # not while the shell completes
        from femb_cli.config.detectors import check_detector

        check_detector(detector)
    return detector


Detector = Annotated[
    str,
    typer.Option(
        "--detector",
        rich_help_panel="Photos",
        metavar="NAME",
        callback=_check_detector,
        help="mtcnn, yunet (faster, downloaded once), or the path of YuNet's ONNX file.",
    ),
]
Label = Annotated[
    str | None,
    typer.Option(
        "--label",
        rich_help_panel="Input",
        metavar="COLUMN",
        help="Column of a table or list that names the person.",
    ),
]
ImageColumn = Annotated[
    str | None,
    typer.Option(
        "--image-column",
        rich_help_panel="Input",
        metavar="COLUMN",
        help="Column of the images of a table, or of the paths of a list.",
    ),
]
PersonFolder = Annotated[
    str | None,
    typer.Option(
        "--person-folder",
        rich_help_panel="Input",
        metavar="N",
        help="Level of the folders that are people: 1 is the first below the source, -1 holds the image; 1/2: both.",
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        rich_help_panel="Machine",
        min=1,
        help="Images in a batch, of each process. Default: 64 on a CPU, 128 on a GPU.",
    ),
]
WholeBatchSize = Annotated[
    int | None,
    typer.Option("--batch-size", rich_help_panel="Training", help="Images in a batch, of all processes together."),
]
Exact = Annotated[
    bool,
    typer.Option(
        "--exact",
        rich_help_panel="Machine",
        help="Compute in plain float32, with the same numbers in every run. Default: faster, cosine at least 0.9998.",
    ),
]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Leave unreadable images out and list them.")]
_FLIP = "Add the embedding of the mirror image (sum), or not (none)."
FlipOrNot = Annotated[Flip, typer.Option("--flip", rich_help_panel="Model", help=_FLIP)]
FlipAsModel = Annotated[Flip | None, typer.Option("--flip", help=f"{_FLIP} Default: as the model's authors do.")]
FlipAsStored = Annotated[
    Flip | None,
    typer.Option(
        "--flip",
        rich_help_panel="Model",
        help=f"{_FLIP} Default: as the stored embeddings, or else as the model.",
    ),
]
FlipAsThreshold = Annotated[
    Flip | None,
    typer.Option(
        "--flip",
        rich_help_panel="Model",
        help=f"{_FLIP} Default: as the stored threshold, or else as the model.",
    ),
]
_IMAGES = "Where the images are"
Images = Annotated[
    Path | None,
    typer.Option("--images", metavar="DIR", help=f"{_IMAGES}: folder, zip or dataset of the stored embeddings."),
]
ImagesOfList = Annotated[
    Path | None,
    typer.Option(
        "--images",
        rich_help_panel="Input",
        metavar="DIR",
        help=f"{_IMAGES}: the folder of a list. Default: beside the list.",
    ),
]
ImagesOfPairs = Annotated[
    Path | None, typer.Option("--images", metavar="DIR", help=f"{_IMAGES}: folder, zip, dataset of --pairs.")
]
Split = Annotated[
    str | None,
    typer.Option(
        "--split",
        rich_help_panel="Input",
        metavar="NAME",
        help="Split to read, if there are several: train, test ...",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change any setting that femb config shows, such as header.margin=0.4; repeatable.",
    ),
]
Processes = Annotated[
    int | None,
    typer.Option(
        "--processes", rich_help_panel="Machine", min=1, help="Processes to start on this machine. Default: 1."
    ),
]
Gpus = Annotated[
    int | None,
    typer.Option(
        "--gpus", rich_help_panel="Machine", min=1, help="GPUs to use, one process each. Default: 1 if there is one."
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="DIR",
        envvar="FEMB_DATA_DIR",
        help="Directory with the benchmarks' files. Default: femb's cache.",
    ),
]


def one_config(positional: str | None, named: str | None) -> str | None:
    """Return the configuration that CONFIG or `--config` names; None if neither does.

    Raises:
        UsageError: both do.
    """
    if positional is not None and named is not None:
        raise UsageError(f"two configurations are given: {positional} and {named}", hint="name one of them")
    return positional if named is None else named


def out(what: str, metavar: str = "FILE") -> Any:
    """Return the option `--out` of a command.

    Args:
        what: what the command writes there, as the end of a sentence.
        metavar: what stands for the path.
    """
    return typer.Option("--out", "-o", metavar=metavar, help=f"What to write: {what}")


def show(what: str) -> Any:
    """Return the option `--show` of a command, which writes an HTML page of `what`."""
    return typer.Option("--show", metavar="FILE", help=f"Write an HTML page: {what}")


def threshold(what: str) -> Any:
    """Return the option `--threshold` of a command, with `what` behind the words that all of them share."""
    lead = "Cosine from which two faces count as one person's"
    return typer.Option("--threshold", min=-1, max=1, metavar="X", help=f"{lead}{what}")


def fmr(what: str, panel: str | None = None) -> Any:
    """Return the option `--fmr` of a command, with `what` behind the words that all of them share."""
    text = f"Operating point, an FMR such as 1e-3{what}"
    return typer.Option("--fmr", "--far", rich_help_panel=panel, metavar="RATE", help=text)
