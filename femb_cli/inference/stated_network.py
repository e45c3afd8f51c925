"""Run another program's ONNX file as a network: whatever its layout, its type of numbers and its batch size are.

Shapes: B images, S x S pixels of the network's input, D embedding dimension.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from femb_cli.checkpoints.fingerprint import fingerprint
from femb_cli.checkpoints.stated_onnx import StatedOnnx, read_stated_onnx
from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings.fingerprint import fingerprint_from_text
from femb_cli.inference.onnx_runtime import open_session, run_session

UNIT_TOLERANCE = 2e-3
"""How far a length may be off 1: numbers of 16 bits have three digits."""

Run = Callable[[NDArray[np.generic]], NDArray[np.generic]]


class StatedNetwork:
    """A network in an ONNX file whose pixels a file beside it states; it can be called like a backbone.

    Args:
        stated: the file and what is stated of it.
        run: its graph: the input to the output that is the embedding, with a first axis of images.

    Attributes:
        preprocessing: what the network expects of its images.
        fingerprint: its embedding of the fixed image.
        embedding_dim: D.
        is_unit: whether its embeddings have length 1, so that their magnitude says nothing.
        files: the files with the network.

    Raises:
        FembError: the graph cannot be run, or gives no embedding for an image.
    """

    def __init__(self, stated: StatedOnnx, run: Run) -> None:
        self.stated, self._run = stated, run
        self.preprocessing = stated.preprocessing
        self.files = (stated.path, *stated.weight_files)
        self.fingerprint = fingerprint(self, self.preprocessing)
        embedding_D = fingerprint_from_text(self.fingerprint)
        self.embedding_dim = len(embedding_D)
        self.is_unit = abs(float(np.linalg.norm(embedding_D)) - 1) < UNIT_TOLERANCE

    def __call__(self, images_B3SS: Tensor) -> Tensor:
        """Map images that went through `preprocessing` to raw embeddings, float32 (B, D)."""
        images = images_B3SS.numpy()
        if self.stated.layout == "NHWC":
            images = images.transpose(0, 2, 3, 1)
        if self.stated.images.kind == "uint8":
            images = images.round()
        given = np.ascontiguousarray(images, dtype=self.stated.images.kind)
        rows = [self._embed(batch)[:kept] for batch, kept in self._batches(given)]
        return torch.from_numpy(np.concatenate(rows))

    def _batches(self, images: NDArray[np.generic]) -> Iterator[tuple[NDArray[np.generic], int]]:
        """Yield batches of the size that the graph takes, the last one filled up, and how many images of each count."""
        size = self.stated.batch_size or len(images)
        for start in range(0, len(images), size):
            batch = images[start : start + size]
            yield np.concatenate([batch, batch[:1].repeat(size - len(batch), axis=0)]), len(batch)

    def _embed(self, batch: NDArray[np.generic]) -> NDArray[np.float32]:
        """Run the graph; outputs such as (B, D, 1, 1) are (B, D)."""
        output = self._run(batch)
        is_rows = isinstance(output, np.ndarray) and output.dtype.kind == "f" and output.shape[:1] == (len(batch),)
        if not is_rows or sum(size != 1 for size in output.shape[1:]) != 1:
            found = f"{output.dtype} {output.shape}" if isinstance(output, np.ndarray) else type(output).__name__
            raise FembError(
                f"{self.stated.path} gives no embeddings (batch, dim): of {len(batch)} images its output"
                f" {self.stated.embeddings.name!r} is {found}"
            )
        return output.reshape(len(batch), -1).astype(np.float32)


def open_stated(path: Path, device: str | torch.device | None = "cpu") -> StatedNetwork:
    """Open an ONNX file of another program with onnxruntime.

    Args:
        path: the file; `model.yaml` beside `model.onnx` states its pixels.
        device: where to compute; None: a GPU if onnxruntime can use one.

    Raises:
        FembError: the file is missing or damaged, nothing states its pixels, femb cannot use such a graph, onnxruntime
            is missing, or it cannot use the device.
    """
    stated = read_stated_onnx(path)
    session, _ = open_session(path, device)
    return StatedNetwork(stated, lambda given: run_session(session, path, given, stated.embeddings.name))
