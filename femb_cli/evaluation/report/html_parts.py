"""Parts of a page that needs nothing beside it: tables, figures, pictures, numbers in words."""

import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from femb_cli.evaluation.report.plots import INK

MISSING = "–"


def table(anchor: str, head: Sequence[str], rows: Sequence[Sequence[str]], *, note: str, num_names: int) -> str:
    """Write a table that scrolls by itself where it is too wide.

    Args:
        anchor: id of the heading that names the table.
        head: heading of each column, HTML.
        rows: cells of each line, HTML.
        note: what to say below, HTML; it stays put while the table scrolls.
        num_names: how many of the first columns hold text; the others hold numbers.
    """
    kinds = [' class="name"' if place < num_names else "" for place in range(len(head))]
    columns = "".join(f'<th scope="col"{kind}>{cell}</th>' for kind, cell in zip(kinds, head, strict=True))
    lines = []
    for first, *others in rows:
        cells = "".join(f"<td{kind}>{cell}</td>" for kind, cell in zip(kinds[1:], others, strict=True))
        lines.append(f'<tr><th scope="row">{first}</th>{cells}</tr>')
    body = "\n".join(lines)
    return f"""<div class="wide" role="region" aria-labelledby="{anchor}" tabindex="0">
<table aria-labelledby="{anchor}" aria-describedby="{anchor}-note">
<thead><tr>{columns}</tr></thead>
<tbody>
{body}
</tbody>
</table>
</div>
<p class="note" id="{anchor}-note">{note}</p>"""


def fact_table(facts: Iterable[tuple[str, str]]) -> str:
    """Write a table of two columns: what, and its value, both plain text."""
    rows = "\n".join(f'<tr><th scope="row">{escape(name)}</th><td>{escape(text)}</td></tr>' for name, text in facts)
    return f'<table class="facts"><tbody>\n{rows}\n</tbody></table>'


def inline_svg(path: Path, description: str) -> str:
    """Return an SVG as a part of the page: in the page's own ink, and with ids that no other figure uses."""
    svg = path.read_text(encoding="utf-8")
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{path.stem}-", svg[svg.index("<svg") :])
    svg = svg.replace(INK, "currentColor")
    return svg.replace("<svg", f'<svg role="img" aria-label="{escape(description)}"', 1)


def data_uri(image_HW3: NDArray[np.uint8]) -> str:
    """Return an image as the address of itself; as JPEG, a tenth of what its exact pixels would take."""
    from PIL import Image

    encoded = BytesIO()
    Image.fromarray(image_HW3).save(encoded, "JPEG", quality=92)
    return f"data:image/jpeg;base64,{b64encode(encoded.getvalue()).decode()}"


def breakable(name: str) -> str:
    """Escape a name, and let it break where its parts end."""
    return escape(name).replace("/", "/<wbr>").replace("_", "_<wbr>")


def count(number: int) -> str:
    """Write a number with its thousands apart."""
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def percent(rate: float | None, digits: int = 2) -> str:
    """Write a rate in [0, 1] as a percentage, or a dash."""
    return MISSING if rate is None else f"{100 * rate:.{digits}f} %"


def ratio(number: float | None) -> str:
    """Write a ratio, or that there is none."""
    return "undefined" if number is None else f"{number:.2f}"
