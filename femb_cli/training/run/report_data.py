"""What a run stores for its report besides its metrics: some augmented training images, and magnitudes.

Shapes: B images in a batch, H x W pixels, N images of several batches.
"""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from femb_cli.checkpoints.runs import AUGMENTED, MAGNITUDES
from femb_cli.files import new_file, write_text
from femb_cli.runtime.ranks import is_main_process

_ROWS, _COLUMNS = 2, 8
_BINS = 50


def save_augmented(run: Path, pixels_B3HW: Tensor) -> None:
    """Write the first images of a batch as one JPEG, so that a person sees what the network is trained on.

    Only the main process writes.

    Args:
        run: the run's directory.
        pixels_B3HW: augmented images before they are normalised: RGB, 0 to 255.

    Raises:
        FembError: the file cannot be written.
    """
    if not is_main_process():
        return
    from PIL import Image

    chosen = pixels_B3HW[: _ROWS * _COLUMNS].detach().float().round().clamp(0, 255).byte()
    images_NHW3 = chosen.permute(0, 2, 3, 1).cpu().numpy()
    count, height, width, _ = images_NHW3.shape
    columns = min(count, _COLUMNS)
    sheet = np.full((-(-count // columns) * height, columns * width, 3), 255, np.uint8)
    for place, image_HW3 in enumerate(images_NHW3):
        top, left = place // columns * height, place % columns * width
        sheet[top : top + height, left : left + width] = image_HW3
    with new_file(run / AUGMENTED, overwrite=True) as aside:
        Image.fromarray(sheet).save(aside, "JPEG", quality=92)


def save_magnitudes(run: Path, step: int, magnitudes_N: NDArray[np.float32]) -> None:
    """Write the histogram of the magnitudes of training images up to a step; nothing without images.

    Only the main process writes, and only its own images count.

    Raises:
        FembError: the file cannot be written.
    """
    finite_N = magnitudes_N[np.isfinite(magnitudes_N)]
    if not len(finite_N) or not is_main_process():
        return
    counts, edges = np.histogram(finite_N, _BINS)
    document = {"step": step, "edges": [round(edge, 4) for edge in edges.tolist()], "counts": counts.tolist()}
    write_text(run / MAGNITUDES, json.dumps(document) + "\n")
