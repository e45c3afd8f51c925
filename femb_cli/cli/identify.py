"""`femb identify`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from femb_cli.cli import options
from femb_cli.cli.output import Output, format_pairs, percent

if TYPE_CHECKING:
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
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Search probes in a gallery: rank-k rates, and TPIR at FPIR if some probes are not in the gallery.

    The folder of an image names its person. An image without a folder counts as a separate person, a distractor.

    \b
    Examples:
      femb embed gallery/ -o gallery.npy && femb embed probes/ -o probes.npy
      femb identify probes.npy gallery.npy
    """
    from femb_cli.evaluation.embeddings.read import read_embeddings
    from femb_cli.evaluation.embeddings.same_network import compare_origins
    from femb_cli.evaluation.metrics.identification import search

    output = Output(json=json, quiet=quiet)
    searched, held = read_embeddings(probes), read_embeddings(gallery)
    origins = compare_origins(searched, held)
    if origins.unknown:
        output.say(origins.unknown)
    if origins.warning:
        output.warn(origins.warning)
    found = search(searched.rows_ND, held.rows_ND, [*map(_person, searched.names)], [*map(_person, held.names)])
    num_mated = int(found.mated_P.sum())
    counts = {"num_probes": len(searched.names), "num_mated": num_mated, "num_gallery": len(held.names)}
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


def _person(name: str) -> str:
    """The folder of an image, or the image itself if it has none."""
    return name.rsplit("/", 2)[-2] if "/" in name else name
