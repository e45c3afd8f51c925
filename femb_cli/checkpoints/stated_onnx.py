"""Another program's ONNX file as a model: what its graph takes and gives, and what the file beside it states."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from femb_cli.checkpoints.card import FORMAT, LARGEST_INPUT
from femb_cli.checkpoints.onnx_file import (
    OnnxValue,
    onnx_errors,
    onnx_inputs,
    onnx_outputs,
    onnx_weight_files,
    read_onnx_model,
)
from femb_cli.checkpoints.stated_pixels import StatedPixels, example, read_stated_pixels, stated_pixels_file
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.errors import FembError

IMAGE_KINDS = ("float32", "float16", "float64", "uint8")
"""The types of numbers that femb can give to a network."""
FLOAT_KINDS = ("float32", "float16", "float64")
MOST_INPUT_NUMBERS = 2**27
"""In a batch: 3,566 images of 112 x 112 pixels. A damaged file could ask for terabytes."""
CHANNEL_AXES = {"NCHW": 1, "NHWC": 3}


@dataclass(frozen=True)
class StatedOnnx:
    """A network in an ONNX file that femb did not write.

    Attributes:
        path: the file.
        pixels: what the file beside it states.
        images: the graph's input.
        embeddings: the output that is the embedding.
        input_size: height and width of the images.
        layout: `NCHW` or `NHWC`.
        weight_files: further files with weights.
        num_parameters: numbers in all weights.
    """

    path: Path
    pixels: StatedPixels
    images: OnnxValue
    embeddings: OnnxValue
    input_size: int
    layout: str
    weight_files: tuple[Path, ...]
    num_parameters: int

    @property
    def preprocessing(self) -> Preprocessing:
        """What the graph expects of its images."""
        return self.pixels.preprocessing(self.input_size)

    @property
    def batch_size(self) -> int | None:
        """The number of images that the graph takes at once; None if it takes any number."""
        return self.images.shape[0]

    @property
    def embedding_dim(self) -> int | None:
        """D; None if the graph does not say."""
        sizes = [size for size in self.embeddings.shape[1:] if size != 1]
        return sizes[0] if len(sizes) == 1 else None

    def to_display(self) -> dict[str, str]:
        """Return what results say about the model, under the names of a model card."""
        preprocessing = self.preprocessing
        return {
            "format": "ONNX file of another program",
            "stated_by": str(self.pixels.file),
            "input_size": str(self.input_size),
            "channel_order": preprocessing.channel_order,
            "mean": json.dumps(preprocessing.mean),
            "std": json.dumps(preprocessing.std),
            "flip": self.pixels.flip,
            "output": self.embeddings.name,
        }


def is_stated(metadata: Mapping[str, str]) -> bool:
    """Whether an ONNX file is another program's: it has no model card of femb's."""
    return not metadata.get("format", "").startswith(FORMAT.rstrip("0123456789"))


def read_stated_onnx(path: Path) -> StatedOnnx:
    """Read what an ONNX file of another program expects and gives.

    Raises:
        FembError: the file is damaged, no file beside it states its pixels, or femb cannot use such a graph as a model;
            the message says why.
    """
    model = read_onnx_model(path)
    with onnx_errors(path):
        inputs, outputs, files = onnx_inputs(model), onnx_outputs(model), onnx_weight_files(model, path)
        num_parameters = count_numbers(model.graph.initializer)
    images = _find_images(path, inputs)
    pixels = read_stated_pixels(path)
    if pixels is None:
        raise _nothing_stated(path, images, outputs)
    layout = _find_layout(path, images, pixels)
    return StatedOnnx(
        path,
        pixels,
        images,
        embeddings=_find_embeddings(path, outputs, pixels),
        input_size=_find_size(path, images, layout, pixels),
        layout=layout,
        weight_files=tuple(files),
        num_parameters=num_parameters,
    )


def count_numbers(tensors: Iterable[Any]) -> int:
    """Return how many numbers some `onnx.TensorProto` hold."""
    return sum(math.prod(tensor.dims) for tensor in tensors)


def _nothing_stated(path: Path, images: OnnxValue, outputs: list[OnnxValue]) -> FembError:
    """Return the error that says which file to write."""
    further = {}
    if not _is_size_fixed(images):
        further["input_size: 112"] = "height and width"
    if len(_layouts(images)) > 1:
        further["layout: NCHW"] = "or NHWC"
    if len(outputs) > 1:
        further[f"output: {outputs[0].name}"] = f"the embedding, of {', '.join(map(str, outputs))}"
    return FembError(
        f"{path} does not say which colours and value range it expects",
        hint=f"write {stated_pixels_file(path)} with what its authors state, for example:\n\n"
        f"{example(is_pixels=images.kind == 'uint8', further=further)}\n\n"
        f"Or, for an IResNet or a MobileFaceNet, femb convert-checkpoint {path} DIR makes a checkpoint of it.",
    )


def _find_images(path: Path, inputs: list[OnnxValue]) -> OnnxValue:
    """Return the input, after checking that it can be images."""
    described = ", ".join(map(str, inputs)) or "none"
    if len(inputs) != 1:
        raise FembError(f"{path} has {len(inputs)} inputs, {described}: femb gives a network images and nothing else")
    (images,) = inputs
    if images.kind not in IMAGE_KINDS:
        raise FembError(f"{path} takes {described}: femb gives a network {', '.join(IMAGE_KINDS)}")
    if len(images.shape) != 4 or not _layouts(images):
        raise FembError(f"{path} takes {described}: expected images (batch, 3, height, width) or (..., 3)")
    return images


def _layouts(images: OnnxValue) -> list[str]:
    """Return the layouts that the input may have: those with three channels, or else with an unknown number."""
    given = {layout: images.shape[axis] for layout, axis in CHANNEL_AXES.items()}
    stated = [layout for layout, channels in given.items() if channels == 3]
    return stated or [layout for layout, channels in given.items() if channels is None]


def _find_layout(path: Path, images: OnnxValue, pixels: StatedPixels) -> str:
    possible = _layouts(images)
    if pixels.layout is not None:
        if pixels.layout not in possible:
            raise FembError(f"{pixels.file} states the layout {pixels.layout}, but {path} takes {images}")
        return pixels.layout
    if len(possible) > 1:
        raise FembError(
            f"{path} takes {images}, which does not say where the colours are",
            hint=f"add a line to {pixels.file}: layout: NCHW, or layout: NHWC",
        )
    return possible[0]


def _is_size_fixed(images: OnnxValue) -> bool:
    channels = CHANNEL_AXES[_layouts(images)[0]]
    return None not in [images.shape[axis] for axis in range(1, 4) if axis != channels]


def _find_size(path: Path, images: OnnxValue, layout: str, pixels: StatedPixels) -> int:
    """Return height and width: the graph's, or else those that are stated."""
    fixed = {images.shape[axis] for axis in range(1, 4) if axis != CHANNEL_AXES[layout]} - {None}
    if len(fixed) > 1:
        raise FembError(f"{path} takes {images}: femb aligns faces to squares")
    size = next(iter(fixed), None)
    if size is not None and pixels.input_size not in (None, size):
        raise FembError(f"{pixels.file} states the input_size {pixels.input_size}, but {path} takes {images}")
    size = size or pixels.input_size
    if size is None:
        raise FembError(
            f"{path} takes {images}, which does not say how large the images are",
            hint=f"add a line to {pixels.file}, such as input_size: 112",
        )
    if size > LARGEST_INPUT:
        raise FembError(f"{path} takes images of {size} x {size} pixels: femb makes at most {LARGEST_INPUT}")
    if (images.shape[0] or 1) * 3 * size * size > MOST_INPUT_NUMBERS:
        raise FembError(f"{path} takes {images.shape[0]:,} images of {size} x {size} pixels at once: that is too many")
    if images.kind == "uint8" and (pixels.pixel_range, {*pixels.mean}, {*pixels.std}) != (255, {0.0}, {1.0}):
        raise FembError(
            f"{path} takes whole numbers from 0 to 255, but {pixels.file} states another range, a mean or a std",
            hint="for such a graph they are: pixel_range: 255, mean: 0, std: 1",
        )
    return size


def _find_embeddings(path: Path, outputs: list[OnnxValue], pixels: StatedPixels) -> OnnxValue:
    """Return the output that is the embedding."""
    described = ", ".join(map(str, outputs))
    if not outputs:
        raise FembError(f"{path} has no output")
    if pixels.output is None and len(outputs) > 1:
        raise FembError(
            f"{path} has {len(outputs)} outputs: {described}",
            hint=f"say in {pixels.file} which one is the embedding, as in output: {outputs[0].name}",
        )
    chosen = [output for output in outputs if pixels.output in (None, output.name)]
    if not chosen:
        raise FembError(f"{pixels.file} states the output {pixels.output!r}, but {path} has {described}")
    (embeddings,) = chosen
    sizes = [size for size in embeddings.shape[1:] if size is not None and size != 1]
    if embeddings.kind not in (*FLOAT_KINDS, "") or len(sizes) > 1 or len(embeddings.shape) == 1:
        raise FembError(f"{path} gives no embeddings (batch, dim), but {embeddings}")
    return embeddings
