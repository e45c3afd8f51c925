"""`femb identify`."""

from pathlib import Path
from typing import Annotated

import typer

from femb_cli.cli import options
from femb_cli.cli.output import Output, format_pairs

RANKS = (1, 5, 10, 20)
FALSE_POSITIVE_RATES = ("1e-1", "1e-2", "1e-3")


def identify(
    probes: Annotated[
        Path, typer.Argument(metavar="PROBES", help="Embeddings to search for, as femb embed wrote them.")
    ],
    gallery: Annotated[Path, typer.Argument(metavar="GALLERY", help="Embeddings to search in.")],
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Search probes in a gallery: rank-k rates, and TPIR at FPIR if some probes are of nobody in it.

    An image's person is the folder that it lies in; an image in no folder is a person of its own, a distractor.

    \b
    Examples:
      femb embed gallery/ -o gallery.npy && femb embed probes/ -o probes.npy
      femb identify probes.npy gallery.npy
    """
    from femb_cli.evaluation.embeddings_file import read_embeddings
    from femb_cli.evaluation.metrics.identification import rank_rate, search, tpir_at_fpir

    output = Output(json=json, quiet=quiet)
    (probe_rows, probe_names), (gallery_rows, gallery_names) = map(read_embeddings, (probes, gallery))
    found = search(probe_rows, gallery_rows, [*map(_person, probe_names)], [*map(_person, gallery_names)])
    num_mated = int(found.mated_P.sum())
    counts = {"num_probes": len(probe_names), "num_mated": num_mated, "num_gallery": len(gallery_names)}
    rates = {"rank_rate": {str(rank): rank_rate(found, rank) for rank in RANKS}}
    if num_mated < len(probe_names):
        rates["tpir_at_fpir"] = {rate: tpir_at_fpir(found, float(rate)).tpir for rate in FALSE_POSITIVE_RATES}
    titles = {"rank_rate": "rank", "tpir_at_fpir": "TPIR at FPIR"}
    shown = {
        f"{titles[kind]} {key}": f"{100 * rate:.2f} %" for kind, by_key in rates.items() for key, rate in by_key.items()
    }
    output.result(counts | rates, format_pairs(counts | shown))


def _person(name: str) -> str:
    """The folder that an image lies in, or the image itself."""
    return name.rsplit("/", 2)[-2] if "/" in name else name
