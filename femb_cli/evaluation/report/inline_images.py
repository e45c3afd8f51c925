"""Images inside an HTML page: plots as SVG elements, photos as data URIs.

A page with these needs no other file.
"""

import re
from base64 import b64encode
from html import escape
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from femb_cli.evaluation.report.style import INK


def inline_svg(path: Path, description: str) -> str:
    """Return an SVG file as an element of a page.

    Its ids get the file's name as a prefix, because ids must be unique in a page; its ink becomes the page's text
    colour.

    Args:
        path: the SVG file.
        description: text for screen readers.
    """
    svg = path.read_text(encoding="utf-8")
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{path.stem}-", svg[svg.index("<svg") :])
    svg = svg.replace(INK, "currentColor")
    return svg.replace("<svg", f'<svg role="img" aria-label="{escape(description)}"', 1)


def data_uri(image_HW3: NDArray[np.uint8]) -> str:
    """Return an RGB image as a data URI; JPEG takes a tenth of the space of PNG."""
    from PIL import Image

    encoded = BytesIO()
    Image.fromarray(image_HW3).save(encoded, "JPEG", quality=92)
    return f"data:image/jpeg;base64,{b64encode(encoded.getvalue()).decode()}"
