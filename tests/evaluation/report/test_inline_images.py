"""Images inside a page."""

from base64 import b64decode
from io import BytesIO

import numpy as np
from PIL import Image

from femb_cli.evaluation.report.inline_images import data_uri, inline_svg
from femb_cli.evaluation.report.style import INK


def test_an_svg_has_ids_of_its_own_the_pages_ink_and_a_description(tmp_path):
    path = tmp_path / "roc.svg"
    path.write_text(f'<?xml?><svg><g id="line" fill="{INK}" clip-path="url(#box)"/><use href="#line"/></svg>')
    assert inline_svg(path, 'a "quoted" name') == (
        '<svg role="img" aria-label="a &quot;quoted&quot; name">'
        '<g id="roc-line" fill="currentColor" clip-path="url(#roc-box)"/><use href="#roc-line"/></svg>'
    )


def test_a_data_uri_holds_the_image():
    image_HW3 = np.full((16, 8, 3), (200, 100, 50), dtype=np.uint8)
    kind, encoded = data_uri(image_HW3).split(",")
    assert kind == "data:image/jpeg;base64"
    decoded_HW3 = np.asarray(Image.open(BytesIO(b64decode(encoded))), dtype=int)
    assert decoded_HW3.shape == image_HW3.shape
    assert abs(decoded_HW3 - image_HW3).max() < 5
