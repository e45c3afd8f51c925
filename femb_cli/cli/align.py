"""`femb align`."""

from pathlib import Path
from typing import Annotated

import typer

from femb_cli.cli import options
from femb_cli.cli.faces_output import tell_of_faces
from femb_cli.cli.next_commands import after_alignment
from femb_cli.cli.output import Output
from femb_cli.cli.unread_output import warn_of_unread
from femb_cli.text import left_out


def align(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGES...", help="Folders, zips, datasets and image files.")],
    folder: Annotated[Path, typer.Argument(metavar="DST", help="The folder to create.")],
    faces: options.Faces = "main",
    detector: options.Detector = "mtcnn",
    always: Annotated[
        bool, typer.Option("--always", help="Find the faces of images of up to 112 x 112 pixels, too.")
    ] = False,
    skip_bad: options.SkipBad = False,
    device: options.DeviceOfFaces = None,
    json: options.Json = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    quiet: options.Quiet = False,
) -> None:
    """Cut the faces out of photos: aligned crops of 112 x 112 pixels, and a table of boxes, landmarks and scores.

    Crops are PNG files under the photos' own names, and the table is DST.csv. Images of up to 112 x 112 pixels are
    copied. (femb embed and femb verify align photos themselves; femb convert --align auto writes a training set.)

    \b
    Examples:
      femb align photos/ faces/
      femb align group.jpg faces/ --faces all
    """
    output = Output(json=json, quiet=quiet)
    output.load_libraries()
    from femb_cli.inference.align import Alignment
    from femb_cli.inference.align_job import AlignJob, run_alignment
    from femb_cli.runtime.signals import interruption_says

    alignment = Alignment("always" if always else "auto", faces, detector, device)
    job = AlignJob(tuple(images), folder, alignment, skip_bad=skip_bad, overwrite=overwrite)
    survey = job.survey()
    warn_of_unread(output, survey.source)
    if dry_run:
        output.fields({"num_images": len(survey.rows_N), "num_photos": survey.num_photos, "path": str(folder)})
        return
    output.say(survey.note_naming(never="", always="--always") or "no image is a photo: all are copied")
    with interruption_says("interrupted; the same command continues"):
        summary = run_alignment(job, survey, output.progress)
    for name, problem in summary["failed"]:
        output.warn(left_out(name, problem))
    tell_of_faces(output, summary["num_photos"], summary["without_face"], summary["with_several_faces"], faces)
    output.summary(summary)
    output.next(*after_alignment(folder))
