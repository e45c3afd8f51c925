"""The file beside another program's ONNX file that states what the network expects of its images.

An ONNX file says neither the order of the colours nor the range of the values. With wrong ones a network still gives
embeddings, only worse ones. So femb does not guess: `model.yaml` beside `model.onnx` states them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from femb_cli.config.check import did_you_mean
from femb_cli.config.load import read_yaml
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.errors import FembError
from femb_cli.text import shown

Channels = tuple[float, float, float]

REQUIRED = ("channel_order", "pixel_range", "mean", "std")
OPTIONAL = ("input_size", "flip", "output", "layout")
CHOICES: Mapping[str, tuple[Any, ...]] = {
    "channel_order": ("RGB", "BGR"),
    "pixel_range": (1, 255),
    "flip": ("none", "sum"),
    "layout": ("NCHW", "NHWC"),
}
"""What an entry may be, where there are few possibilities."""


@dataclass(frozen=True)
class StatedPixels:
    """What a file states of a network's input: (x / 255 * pixel_range - mean) / std, for pixels x from 0 to 255.

    Attributes:
        file: the file that states it.
        channel_order: order of the input's channels.
        pixel_range: the largest value of a pixel before mean and std.
        mean: one for each channel, in the input's order.
        std: one for each channel, in the input's order.
        input_size: height and width in pixels; None if the file leaves it to the graph.
        flip: the convention for mirror images in verification.
        output: name of the output that is the embedding; None if the file does not say.
        layout: the order of the input's axes; None if the file leaves it to the graph.
    """

    file: Path
    channel_order: Literal["RGB", "BGR"]
    pixel_range: float
    mean: Channels
    std: Channels
    input_size: int | None = None
    flip: str = "none"
    output: str | None = None
    layout: str | None = None

    def preprocessing(self, input_size: int) -> Preprocessing:
        """Return the same as a preprocessing, whose mean and std are for pixels from 0 to 1."""
        mean, std = ([value / self.pixel_range for value in values] for values in (self.mean, self.std))
        return Preprocessing(input_size, self.channel_order, (mean[0], mean[1], mean[2]), (std[0], std[1], std[2]))


def stated_pixels_file(onnx_file: Path) -> Path:
    """Return where the file lies that states the pixels of an ONNX file: `model.yaml` beside `model.onnx`."""
    return onnx_file.with_suffix(".yaml")


def read_stated_pixels(onnx_file: Path) -> StatedPixels | None:
    """Read the file beside an ONNX file; None if there is none.

    Raises:
        FembError: the file is damaged, an entry is missing or unknown, or has a value that cannot be.
    """
    file = stated_pixels_file(onnx_file)
    if not file.is_file():
        return None
    tree = read_yaml(file)
    if unknown := [key for key in tree if key not in (*REQUIRED, *OPTIONAL)]:
        known = (*REQUIRED, *OPTIONAL)
        hint = did_you_mean(str(unknown[0]), known) or f"known here: {', '.join(known)}"
        raise FembError(f"{file} has the unknown entry {shown(unknown[0])}", hint=hint)
    if missing := [key for key in REQUIRED if tree.get(key) is None]:
        raise FembError(f"{file} does not state {' and '.join(missing)}", hint=f"for example:\n\n{example()}")
    for key, known in CHOICES.items():
        value = tree.get(key)
        if value is not None and (isinstance(value, bool) or value not in known):
            raise FembError(f"{file}: {key} {shown(value)} is neither {' nor '.join(map(str, known))}")
    std = _channels(tree, "std", file)
    if min(std) <= 0:
        raise FembError(f"{file}: std {shown(tree['std'])} is not above 0")
    return StatedPixels(
        file,
        cast("Literal['RGB', 'BGR']", tree["channel_order"]),
        float(tree["pixel_range"]),
        _channels(tree, "mean", file),
        std,
        input_size=_size(tree, file),
        flip=tree.get("flip") or "none",
        output=None if tree.get("output") is None else str(tree["output"]),
        layout=tree.get("layout"),
    )


def example(*, is_pixels: bool = False, further: Mapping[str, str] | None = None) -> str:
    """Return a file with the values that most networks expect, to be changed to what the network's authors state.

    Args:
        is_pixels: whether the graph takes whole numbers, which leaves one range, mean and std.
        further: entries with their comments.
    """
    largest, mean, std = (255, "0", "1") if is_pixels else (1, "0.5", "0.5")
    entries = {
        "channel_order: RGB": "or BGR",
        f"pixel_range: {largest}": "the largest value of a pixel before mean and std: 1 or 255",
        f"mean: {mean}": "one number, or [a, b, c] in the order of the channels",
        f"std: {std}": "the network's input is (pixel - mean) / std",
        "flip: none": "or sum: femb verify adds the embeddings of the mirror images",
        **(further or {}),
    }
    return "\n".join(f"{entry:<19} # {comment}" for entry, comment in entries.items())


def _channels(tree: Mapping[str, Any], key: str, file: Path) -> Channels:
    """Read one number, or one for each channel."""
    values = tree[key] if isinstance(tree[key], list) else [tree[key]] * 3
    is_number = [isinstance(value, int | float) and not isinstance(value, bool) for value in values]
    if len(values) != 3 or not all(is_number) or not all(math.isfinite(value) and abs(value) < 1e6 for value in values):
        raise FembError(f"{file}: {key} {shown(tree[key])} is neither a number nor a list of three")
    return float(values[0]), float(values[1]), float(values[2])


def _size(tree: Mapping[str, Any], file: Path) -> int | None:
    size = tree.get("input_size")
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
        raise FembError(f"{file}: input_size {shown(size)} is not a number of pixels")
    return size
