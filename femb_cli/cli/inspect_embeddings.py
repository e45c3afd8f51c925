"""What `femb inspect` says of a file of embeddings."""

from pathlib import Path
from typing import TYPE_CHECKING

from femb_cli.cli.facts import format_facts
from femb_cli.cli.output import Output

if TYPE_CHECKING:
    from femb_cli.evaluation.embeddings.inspection import EmbeddingsDetails


def inspect_embeddings(path: Path, output: Output, *, out: Path | None, overwrite: bool) -> None:
    """Print what is in a file of embeddings, and write it as a page or a picture if `out` is given.

    Raises:
        FembError: the file is damaged, or the page exists or cannot be written.
    """
    from femb_cli.evaluation.embeddings.inspection import inspect_embeddings as inspect

    if out is not None:
        from femb_cli.files import check_output_file
        from femb_cli.search.sheets.inspection import ENDINGS

        check_output_file(out, overwrite=overwrite, endings=ENDINGS, what="a page")
    details = inspect(path)
    output.result(details.to_json(), format_facts(details.describe()))
    if out is not None:
        _write_sheet(out, details, overwrite=overwrite)
        output.say(f"wrote {out}")


def _write_sheet(out: Path, details: "EmbeddingsDetails", *, overwrite: bool) -> None:
    from femb_cli.search.sheets.histogram import histogram_of_values
    from femb_cli.search.sheets.inspection import Sheet, write_sheet

    histogram = histogram_of_values("Magnitudes of the embeddings", details.finite_N)
    facts = {name: text for name, text in details.describe().items() if text}
    write_sheet(out, Sheet(f"Embeddings {details.path.name}", facts, histogram=histogram), overwrite=overwrite)
