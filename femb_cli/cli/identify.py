"""`femb identify`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from femb_cli.cli import options
from femb_cli.cli.faces_input import say_origins
from femb_cli.cli.output import Output, format_pairs, percent

if TYPE_CHECKING:
    from femb_cli.evaluation.embeddings.read import StoredEmbeddings
    from femb_cli.evaluation.metrics.identification import SearchResults

RANKS = (1, 5, 10, 20)
FALSE_POSITIVE_RATES = ("1e-1", "1e-2", "1e-3")


def identify(
    probes: Annotated[
        Path, typer.Argument(metavar="PROBES", help="Embeddings to search for; a file that femb embed wrote.")
    ],
    gallery: Annotated[
        Path, typer.Argument(metavar="GALLERY", help="Embeddings to search in; a file that femb embed wrote.")
    ],
    out: Annotated[Path | None, options.out("the best entry of each probe, and its mate's rank, .csv.")] = None,
    json: options.Json = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    quiet: options.Quiet = False,
) -> None:
    """Search probes in a gallery: rank-k rates, and TPIR at FPIR if some probes are not in the gallery.

    The folder of an image names its person. An image without a folder counts as a separate person, a distractor. A
    probe that is in the gallery, by name and embedding, is not compared with itself.

    \b
    Examples:
      femb embed gallery/ -o gallery.npy && femb embed probes/ -o probes.npy
      femb identify probes.npy gallery.npy
      femb identify faces.npy faces.npy -o matches.csv
    """
    from femb_cli.evaluation.embeddings.read import read_embeddings
    from femb_cli.evaluation.metrics.identification import search as search_people
    from femb_cli.files import check_output_file
    from femb_cli.search.people import person_of
    from femb_cli.search.same_items import describe_copies, describe_left_out, same_items

    output = Output(json=json, quiet=quiet)
    if out is not None:
        check_output_file(out, overwrite=overwrite, endings=(".csv",))
    searched, held = read_embeddings(probes), read_embeddings(gallery)
    say_origins(output, searched, held)
    if dry_run:
        inputs = [{"path": str(one.path), "num_embeddings": len(one.rows_ND)} for one in (searched, held)]
        output.plan(inputs, {"path": out})
        return
    itself = same_items(searched, held)
    if left_out := describe_left_out(itself, "probes"):
        output.say(left_out)
    people = [*map(person_of, searched.names)], [*map(person_of, held.names)]
    found = search_people(searched.rows_ND, held.rows_ND, *people, itself_P=itself)
    if copies := describe_copies(found.best_score_P, "probes"):
        output.warn(copies)
    if out is not None:
        _write_matches(out, searched, held, found, overwrite=overwrite)
        output.say(f"wrote {out}")
    counts = {
        "num_probes": len(searched.names),
        "num_mated": int(found.mated_P.sum()),
        "num_gallery": len(held.names),
        "num_left_out": int((itself >= 0).sum()),
    }
    rates = _rates(found)
    titles = {"rank_rate": "rank", "tpir_at_fpir": "TPIR at FPIR"}
    shown = {f"{titles[kind]} {key}": percent(rate) for kind, by_key in rates.items() for key, rate in by_key.items()}
    output.result(counts | rates, format_pairs(counts | shown))


def _rates(found: "SearchResults") -> dict[str, dict[str, float]]:
    """Rank-k rates, and TPIR at FPIR if there are probes without a mate."""
    from femb_cli.evaluation.metrics.identification import rank_rate, tpir_at_fpir

    rates = {"rank_rate": {str(rank): rank_rate(found, rank) for rank in RANKS}}
    if not found.mated_P.all():
        rates["tpir_at_fpir"] = {rate: tpir_at_fpir(found, float(rate)).tpir for rate in FALSE_POSITIVE_RATES}
    return rates


def _write_matches(
    matches: Path, probes: "StoredEmbeddings", gallery: "StoredEmbeddings", found: "SearchResults", *, overwrite: bool
) -> None:
    """Write a line for each probe: its best entry, the score, and the rank of its mate; what there is not, is empty."""
    from femb_cli.search.table_file import write_table_file

    columns = zip(
        probes.names, found.best_row_P.tolist(), found.best_score_P.tolist(), found.rank_P.tolist(), strict=True
    )
    rows = [
        (name, gallery.names[row] if row >= 0 else "", score if row >= 0 else "", rank or "")
        for name, row, score, rank in columns
    ]
    write_table_file(matches, None, ("probe", "best_entry", "score", "mate_rank"), rows, overwrite=overwrite)
