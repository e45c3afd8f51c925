"""`femb embed`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from femb_cli.cli import options
from femb_cli.cli.faces_output import tell_of_faces
from femb_cli.cli.given_paths import refuse_missing
from femb_cli.cli.next_commands import after_embedding
from femb_cli.cli.output import Output
from femb_cli.cli.unread_output import warn_of_unread
from femb_cli.errors import UsageError
from femb_cli.text import left_out, lines_of


def embed(
    images: Annotated[
        list[str],
        typer.Argument(metavar="IMAGES...", help="Folders, zips, datasets and image files; or - for a list on stdin."),
    ],
    out: Annotated[
        Path,
        options.out(".npy with the names in a .txt file beside it, .npz, .parquet, .safetensors or .csv."),
    ],
    model: options.Model = None,
    flip: options.FlipOrNot = "none",
    batch_size: options.BatchSize = None,
    exact: options.Exact = False,
    align: options.Align = "auto",
    faces: options.Faces = "main",
    detector: options.Detector = "mtcnn",
    skip_bad: options.SkipBad = False,
    resume: Annotated[bool, typer.Option("--resume", help="Continue what was interrupted.")] = False,
    processes: options.Processes = None,
    gpus: options.Gpus = None,
    device: options.Device = None,
    json: options.Json = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    quiet: options.Quiet = False,
) -> None:
    """Embed images into a file of raw embeddings, float32 (N, D), with the name of each image.

    Images of 112 x 112 pixels are aligned faces. Larger ones are photos: their faces are found, aligned and embedded.

    \b
    Examples:
      femb embed images/ -o embeddings.npy
      femb embed lfw_aligned_112.zip -o lfw.parquet --model runs/lfw --flip sum
      femb embed holiday/ -o faces.parquet --faces all
      find faces -name '*.jpg' | femb embed - -o faces.npy
    """
    from femb_cli.evaluation.embeddings.formats import format_to_write
    from femb_cli.evaluation.embeddings.outputs import refuse_finished

    output = Output(json=json, quiet=quiet)
    describes_itself = format_to_write(out).holds_description
    paths = _paths(images)
    refuse_missing(paths)
    if not resume:
        refuse_finished(out, overwrite=overwrite)
    output.load_libraries()
    from femb_cli.checkpoints.runs import runs_folder
    from femb_cli.inference.align import Alignment
    from femb_cli.inference.embed_job import EmbedJob, read_card, run_embedding
    from femb_cli.inference.image_warnings import image_warnings
    from femb_cli.runtime.devices import check_devices, pick_device
    from femb_cli.runtime.launch import launch
    from femb_cli.runtime.signals import interruption_says

    job = EmbedJob(
        images=paths,
        out=out,
        model=model,
        runs=runs_folder(),
        alignment=Alignment(align, faces, detector),
        flip=flip == "sum",
        batch_size=batch_size,
        exact=exact,
        skip_bad=skip_bad,
        resume=resume,
        device=device,
        overwrite=overwrite,
    )
    num_processes = processes or gpus or 1
    check_devices(num_processes, gpus, device)
    pick_device(device)
    survey = job.check()
    warn_of_unread(output, survey.source)
    if dry_run:
        output.fields(job.describe(survey))
        return
    if survey.note:
        output.say(survey.note)
    for warning in image_warnings(read_card(job.find_model()), survey, job.images):
        output.warn(warning)
    if resume and (kept := job.describe_unfinished()):
        output.say(f"going on after {kept}")
    with interruption_says("interrupted; the same command with --resume continues"):
        summary = launch(run_embedding, num_processes, job, survey, output.progress)
    if summary is None:
        return
    if not describes_itself:
        output.say(f"{out} cannot say which model it comes from: {out.suffix} has no place for that, .npy has")
    for name, problem in summary["failed"]:
        output.warn(left_out(name, problem))
    tell_of_faces(output, summary["num_photos"], summary["without_face"], summary["with_several_faces"], faces)
    output.summary(summary)
    output.next(*after_embedding(out, summary["num_images"]))


def _paths(images: list[str]) -> tuple[Path, ...]:
    """The paths on the command line, or those on stdin if the only one is `-`."""
    if images != ["-"]:
        return tuple(Path(image) for image in images)
    if sys.stdin.isatty():
        raise UsageError(
            "- reads a list of images from stdin, but nothing is piped in",
            hint="find faces -name '*.jpg' | femb embed - -o faces.npy",
        )
    return tuple(Path(line) for line in lines_of(sys.stdin.read().removeprefix("\ufeff")) if line)
