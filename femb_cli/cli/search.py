"""`femb search`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from femb_cli.cli import options
from femb_cli.cli.faces_input import FacesInput, model_threshold, open_pictures, warn_of_other_flip, with_faces
from femb_cli.cli.output import Output
from femb_cli.errors import UsageError
from femb_cli.text import counted

if TYPE_CHECKING:
    from femb_cli.evaluation.embeddings.read import StoredEmbeddings
    from femb_cli.search.index import Index


def search(
    query: Annotated[
        Path,
        typer.Argument(metavar="QUERY", help="What to search for: stored embeddings, or an image, folder, zip ..."),
    ],
    gallery: Annotated[
        Path, typer.Argument(metavar="GALLERY", help="What to search in: stored embeddings, or images.")
    ],
    top: Annotated[int, typer.Option("--top", "-k", min=1, help="Number of hits for each query.")] = 5,
    threshold: Annotated[float | None, options.threshold(": hits with a lower one are left out.")] = None,
    index: Annotated[
        Path | None,
        typer.Option(
            "--index",
            metavar="FILE",
            help="Search fast and approximately with this index of the gallery, a .index file; it is built if missing.",
        ),
    ] = None,
    out: Annotated[Path | None, options.out("the hits, .csv or .json.")] = None,
    show: Annotated[Path | None, options.show("the queries and their hits.")] = None,
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
    """Find the most similar faces of a gallery, by name, with the cosine of the embeddings.

    Images are embedded by the model of the stored embeddings, if it is still where it was. A query that is in the
    gallery does not find itself.

    \b
    Examples:
      femb search photo.jpg faces.npy
      femb search probes/ gallery/ --model runs/lfw --top 3 --show hits.html
      femb search faces.npy faces.npy --threshold 0.5 -o hits.csv
      femb search photo.jpg million.npy --index million.index
    """
    from femb_cli.files import check_output_file
    from femb_cli.search.found import COLUMNS, find
    from femb_cli.search.table_file import write_table_file

    output = Output(json=json, quiet=quiet)
    if out is not None:
        check_output_file(out, overwrite=overwrite)
    if index is not None:
        _check_index(index, gallery)
    if show is not None:
        check_output_file(show, overwrite=overwrite, endings=options.PAGE, what="a page")
        query_pictures, gallery_pictures = open_pictures(query, images), open_pictures(gallery, images)
    elif images is not None:
        raise UsageError("--images is of no use without --show", hint="--show FILE writes the page that shows them")
    reading = FacesInput(model, flip, batch_size, skip_bad, device, align, faces, detector)
    if dry_run:
        described = reading.describe(output, [query, gallery])
        if index is not None:
            _check_index_of(index, gallery, overwrite=overwrite)
        files = {"path": out, "page": show, "index": index}
        output.plan(described, files)
        return
    queries, entries = reading.read(output, [query, gallery])
    opened = None if index is None else _open_index(index, entries, overwrite, output)
    with output.progress("comparing") as progress:
        found = find(queries, entries, top=top, min_score=threshold, index=opened, progress=progress)
    for note in filter(None, (found.left_out, found.copies)):
        output.say(note)
    rows = found.rows()
    if out is not None:
        write_table_file(out, found.to_json(), COLUMNS, rows, overwrite=overwrite)
        output.say(f"wrote {out}")
    if show is not None:
        from femb_cli.search.sheets.hits import write_hits_page

        shown = [
            with_faces(pictures, stored, faces, detector)
            for pictures, stored in ((query_pictures, queries), (gallery_pictures, entries))
        ]
        write_hits_page(show, found, *shown, overwrite=overwrite)
        output.say(f"wrote {show}")
    widest = max((len(name) for _, _, name, _ in rows), default=0)
    lines = [(name, str(rank), f"{score:.4f}", hit.ljust(widest)) for name, rank, hit, score in rows]
    output.table(found.to_json(), ("query", "rank", "score", "name".ljust(widest)), lines)
    _say_same_person([score for _, _, _, score in rows], queries, output, is_known=threshold is not None)
    if found.num_without_hit:
        output.say(f"{_queries_have(found.num_without_hit, len(queries.names))} no hit")
    if found.num_with_more:
        output.say(
            f"{_queries_have(found.num_with_more, len(queries.names))} more than {counted(top, 'hit')} from"
            f" {threshold:g} on: --top shows more of them"
        )


def _queries_have(number: int, num_queries: int) -> str:
    """Return the beginning of a sentence on some of the queries: `the query has`, `2 of 9 queries have`."""
    if num_queries == 1:
        return "the query has"
    return f"{number:,} of {num_queries:,} queries {'has' if number == 1 else 'have'}"


def _check_index(index: Path, gallery: Path) -> None:
    """Refuse a file that cannot hold an index, or a gallery that cannot have one.

    Raises:
        UsageError: the name has another ending, or the gallery is images.
        FembError: FAISS cannot be imported.
    """
    from femb_cli.evaluation.embeddings.recognise import holds_embeddings
    from femb_cli.search.index_file import check_index_file

    check_index_file(index)
    if not holds_embeddings(gallery):
        raise UsageError(
            f"{gallery} is no file of embeddings, and only such a file can have an index",
            hint="femb embed writes one",
        )


def _check_index_of(index: Path, gallery: Path, *, overwrite: bool) -> None:
    """Refuse an index that belongs to another gallery.

    Raises:
        FembError: it does, or it is damaged.
    """
    from femb_cli.evaluation.embeddings.read import read_embeddings
    from femb_cli.search.index_file import read_index

    if index.exists() and not overwrite:
        read_index(index, read_embeddings(gallery, mmap_mode="r"))


def _open_index(path: Path, gallery: "StoredEmbeddings", overwrite: bool, output: Output) -> "Index":
    """Read or build the index, and say how much it finds."""
    from femb_cli.search.index_file import open_index

    with output.progress("indexing") as progress:
        index = open_index(path, gallery, overwrite=overwrite, say=output.say, progress=progress)
    output.say(index.describe())
    return index


def _say_same_person(scores: Sequence[float], queries: "StoredEmbeddings", output: Output, *, is_known: bool) -> None:
    """Say how many hits are the same person by the model's threshold, or that neither model nor user know one."""
    known = model_threshold(queries)
    if known is None and is_known:
        return
    if known is None:
        output.say("from which score on it is one person is not known: femb verify --store-threshold measures it")
        return
    same = sum(score >= known.cosine for score in scores)
    output.say(
        f"{same:,} of {len(scores):,} hits are the same person by the model's threshold {known.cosine:.3f}, {known.at}"
    )
    warn_of_other_flip(known, queries, output)
