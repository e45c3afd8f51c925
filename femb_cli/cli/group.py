"""`femb group`."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from femb_cli.cli import options
from femb_cli.cli.faces_input import FacesInput, model_threshold, open_pictures, warn_of_other_flip, with_faces
from femb_cli.cli.output import Output, format_pairs, format_table, percent
from femb_cli.data.names import photo_of
from femb_cli.errors import UsageError
from femb_cli.text import counted

if TYPE_CHECKING:
    from femb_cli.evaluation.embeddings.read import StoredEmbeddings
    from femb_cli.search.grouped import Grouped
    from femb_cli.search.sheets.pictures import Pictures

MOST_GROUPS = 20
"""Groups, and sets of duplicates, that stdout shows; files and --json hold all."""

FIRST_NAMES = 3

Method = Literal["average", "components"]


def group(
    images_or_embeddings: Annotated[
        Path,
        typer.Argument(metavar="FACES", help="Stored embeddings, or images: a folder, zip, list, dataset."),
    ],
    threshold: Annotated[
        float | None, options.threshold(". Default: the one that the model states, or else a guess.")
    ] = None,
    method: Annotated[
        Method,
        typer.Option("--method", help="Average linkage, or connected components: any chain of similar faces."),
    ] = "average",
    check: Annotated[
        bool, typer.Option("--check", help="Compare the groups with the images' folders, one person each.")
    ] = False,
    out: Annotated[Path | None, options.out("name and group of each image, .csv or .json.")] = None,
    show: Annotated[Path | None, options.show("the images of each group.")] = None,
    link: Annotated[
        Path | None, typer.Option("--link", metavar="DIR", help="Make folders of links to the images of each group.")
    ] = None,
    move: Annotated[
        Path | None, typer.Option("--move", metavar="DIR", help="Move the images into a folder for each group.")
    ] = None,
    images: options.Images = None,
    model: options.Model = None,
    align: options.Align = "auto",
    faces: options.Faces = "main",
    detector: options.Detector = "mtcnn",
    flip: options.FlipAsStored = None,
    batch_size: options.BatchSize = None,
    skip_bad: options.SkipBad = False,
    device: options.Device = None,
    json: options.Json = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    quiet: options.Quiet = False,
) -> None:
    """Put the faces of one person together, without knowing who they are.

    Images that are there more than once are listed, too.

    \b
    Examples:
      femb group photos/ --show people.html
      femb group faces.npy --threshold 0.5 -o groups.csv
      femb group lfw.npy --check
      femb group photos/ --link people/
    """
    from femb_cli.evaluation.embeddings.recognise import holds_embeddings
    from femb_cli.search.folders import check_loose_files
    from femb_cli.search.grouped import COLUMNS, group_stored
    from femb_cli.search.table_file import write_table_file

    output = Output(json=json, quiet=quiet)
    check_outputs(out, show, link, move, overwrite=overwrite)
    needs_images = any(path is not None for path in (show, link, move, images))
    source = images_or_embeddings
    pictures = open_pictures(source, images) if needs_images or not holds_embeddings(source) else None
    if pictures is not None and (link or move):
        check_loose_files(pictures.source)
    reading = FacesInput(model, flip, batch_size, skip_bad, device, align, faces, detector)
    if dry_run:
        output.plan(reading.describe(output, [source]), {"path": out, "page": show, "links": link, "images": move})
        return
    (stored,) = reading.read(output, [source])
    if pictures is not None:
        pictures = with_faces(pictures, stored, faces, detector)
    if threshold is None:
        threshold = _threshold_of(stored, output)
    read = None if pictures is None else pictures.read
    with output.progress("comparing") as progress:
        grouped = group_stored(stored, threshold=threshold, method=method, read=read, check=check, progress=progress)
    if out is not None:
        write_table_file(out, grouped.to_json(), COLUMNS, grouped.rows(), overwrite=overwrite)
        output.say(f"wrote {out}")
    if pictures is not None:
        place_images(output, grouped, pictures, show=show, link=link, move=move, overwrite=overwrite)
    output.result(grouped.to_json(), describe(grouped))


def _threshold_of(stored: "StoredEmbeddings", output: Output) -> float:
    """Return the threshold that the model of the embeddings states, or else a guess; say which."""
    from femb_cli.search.groups import DEFAULT_THRESHOLD

    if (known := model_threshold(stored)) is not None:
        output.say(f"the threshold is {known.cosine:.3f}, that of the model at {known.at}: --threshold sets another")
        warn_of_other_flip(known, stored, output)
        return known.cosine
    output.say(
        f"the threshold {DEFAULT_THRESHOLD:g} is a guess, because the model states none: --threshold sets another (a"
        " lower one makes larger groups), and femb verify --store-threshold measures one"
    )
    return DEFAULT_THRESHOLD


def check_outputs(
    out: Path | None, show: Path | None, link: Path | None, move: Path | None, *, overwrite: bool
) -> None:
    """Refuse outputs that cannot be written, before anything is computed.

    Raises:
        UsageError: the table has another ending, or images are to be both linked and moved.
        FembError: an output exists; a folder of images is never replaced.
    """
    from femb_cli.files import check_output_file
    from femb_cli.search.folders import refuse_folder

    if link is not None and move is not None:
        raise UsageError("--link and --move exclude each other", hint="a moved image leaves nothing to link to")
    if out is not None:
        check_output_file(out, overwrite=overwrite)
    if show is not None:
        check_output_file(show, overwrite=overwrite, endings=options.PAGE, what="a page")
    for folder in filter(None, (link, move)):
        refuse_folder(folder)


def place_images(
    output: Output,
    grouped: "Grouped",
    pictures: "Pictures",
    *,
    show: Path | None,
    link: Path | None,
    move: Path | None,
    overwrite: bool,
) -> None:
    """Write the page of the groups, and make the folders of links or images; say what was done."""
    from femb_cli.search.folders import MOVED, link_groups, move_groups

    names, groups = grouped.stored.names, grouped.groups
    if show is not None:
        from femb_cli.search.sheets.groups import write_groups_page

        write_groups_page(show, grouped, pictures, overwrite=overwrite)
        output.say(f"wrote {show}")
    if link is not None:
        output.say(f"linked {counted(link_groups(link, pictures.source, names, groups), 'image')} in {link}")
        _say_shared_photos(names, link, output)
    if move is not None:
        number = move_groups(move, pictures.source, names, groups)
        output.say(f"moved {counted(number, 'image')} to {move}; {move / MOVED} says where each one was")


def _say_shared_photos(names: Sequence[str], link: Path, output: Output) -> None:
    """Say so if some links lead to one photo, whose main face is embedded whatever the folder of the link."""
    num_of_photo = Counter(map(photo_of, names))
    num_links = sum(number for number in num_of_photo.values() if number > 1)
    if num_links:
        output.say(
            f"{num_links:,} of the links lead to photos of several faces, and femb embed {link} takes the main face of"
            " each: to name people by their folders, cut the faces out first, with femb align --faces all"
        )


def describe(grouped: "Grouped") -> str:
    """Describe groups for a person: the largest ones, the duplicates, and the agreement with known people."""
    parts = []
    if grouped.several:
        names = [", ".join(grouped.names_of(rows[:FIRST_NAMES].tolist())) for rows in grouped.several[:MOST_GROUPS]]
        widest = max(map(len, names))
        rows = [
            (str(number), f"{len(members):,}", first.ljust(widest))
            for number, (members, first) in enumerate(zip(grouped.several, names, strict=False), 1)
        ]
        table = format_table(("group", "images", "first names".ljust(widest)), rows)
        parts.append(table + and_more(len(grouped.several)))
    parts.append(
        f"{counted(len(grouped.stored.names), 'image')}: {counted(len(grouped.several), 'group')} and"
        f" {counted(grouped.num_singles, 'single image')}"
    )
    found = grouped.duplicates
    exact = found.exact or []
    parts += describe_sets("the same file", [grouped.names_of(rows) for rows in exact])
    near = [rows for rows in found.near if rows not in exact]
    parts += describe_sets("the same picture, or nearly", [grouped.names_of(rows) for rows in near])
    if grouped.agreement is not None:
        parts.append(format_pairs({key: percent(value) for key, value in grouped.agreement.to_json().items()}))
    return "\n\n".join(parts)


def describe_sets(title: str, sets: Sequence[Sequence[str]]) -> list[str]:
    """List sets of names below a title; nothing if there are none."""
    if not sets:
        return []
    lines = [f"  {' = '.join(names)}" for names in sets[:MOST_GROUPS]]
    return ["\n".join([f"{title}:", *lines]) + and_more(len(sets))]


def and_more(number: int) -> str:
    """Say how many entries a list of the first ones leaves out."""
    return f"\n... and {number - MOST_GROUPS:,} more: --json and -o have all" if number > MOST_GROUPS else ""
