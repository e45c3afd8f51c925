"""The options that several commands share, so that each has the same name and meaning everywhere."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Choice = Literal["main", "largest", "center", "all"]

Json = Annotated[bool, typer.Option("--json", rich_help_panel="Output", help="Print one JSON document on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", rich_help_panel="Output", help="Print results and errors only.")]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", rich_help_panel="Output", help="Replace an output that exists.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", "-n", rich_help_panel="Output", help="Show what would be done, and do nothing.")
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        rich_help_panel="Machine",
        metavar="DEVICE",
        help="cpu, cuda, cuda:1 or mps. Default: a GPU if there is one.",
    ),
]
Model = Annotated[
    Path | None,
    typer.Option(
        "--model",
        "-m",
        rich_help_panel="Model",
        metavar="MODEL",
        help="Run, checkpoint or .onnx file. Default: the newest finished run.",
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
        help="Which faces of a photo: a large one near the middle (main), the largest, the one in the center, or all.",
    ),
]
OneFace = Annotated[
    Literal["main", "largest", "center"],
    typer.Option("--faces", rich_help_panel="Photos", help="Which face of a photo; see femb embed --help."),
]
Detector = Annotated[
    str,
    typer.Option(
        "--detector",
        rich_help_panel="Photos",
        metavar="NAME",
        help="mtcnn, yunet (faster, downloaded once), or the path of YuNet's ONNX file.",
    ),
]
Label = Annotated[
    str | None, typer.Option("--label", metavar="COLUMN", help="Column of a table or list that names the person.")
]
ImageColumn = Annotated[
    str | None,
    typer.Option(
        "--image-column", metavar="COLUMN", help="Column of the images of a table, or of the paths of a list."
    ),
]
PersonFolder = Annotated[
    str | None,
    typer.Option(
        "--person-folder",
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
        help="Images in a batch of each process. Default: 64 on a CPU, 128 on a GPU.",
    ),
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
FlipAsStored = Annotated[
    bool | None,
    typer.Option(
        "--flip/--no-flip",
        rich_help_panel="Model",
        help="Add the embedding of the mirror image. Default: as the stored embeddings, or else as the model.",
    ),
]
Images = Annotated[
    Path | None,
    typer.Option("--images", metavar="DIR", help="The images of stored embeddings: a folder, zip or dataset."),
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
        "--data-dir", envvar="FEMB_DATA_DIR", help="Directory with the benchmarks' files. Default: femb's cache."
    ),
]


def benchmark_names(incomplete: str) -> list[str]:
    """The benchmarks whose names begin with the text, for shell completion."""
    from femb_cli.evaluation.verification.benchmarks import BENCHMARKS

    return [name for name in BENCHMARKS if name.startswith(incomplete)]


def header_names(incomplete: str) -> list[str]:
    """The headers whose names begin with the text, for shell completion."""
    from femb_cli.config.schema import HeaderConfig
    from femb_cli.config.section import choices

    return [name for name in choices(HeaderConfig) if name.startswith(incomplete)]


def backbone_names(incomplete: str) -> list[str]:
    """The backbones whose names begin with the text, for shell completion."""
    from femb_cli.config.schema import BackboneConfig
    from femb_cli.config.section import choices

    return [name for name in choices(BackboneConfig) if name.startswith(incomplete)]
