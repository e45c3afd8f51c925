"""Quantize ONNX files to 8-bit integers with onnxruntime."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from femb_cli.checkpoints.onnx_file import onnx_metadata
from femb_cli.inference.onnx_runtime import INPUT
from femb_cli.progress import Progress

BATCH_SIZE = 16


def quantize(file: Path, inputs: Tensor | None, progress: Progress | None = None) -> None:
    """Replace an ONNX file by an 8-bit one with the same metadata.

    With calibration inputs, the range of each layer's values is measured on them and stored. Without them, only the
    weights are quantized in advance and the ranges are computed for every batch, which is slower.

    Args:
        file: the float32 network.
        inputs: its input for many images; None for no calibration.
        progress: called with the number of images that have calibrated it, and the total.
    """
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_dynamic, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    metadata = onnx_metadata(onnx.load(file))
    with TemporaryDirectory(prefix="femb-") as directory, _without_warnings():
        prepared = Path(directory) / "prepared.onnx"
        quant_pre_process(str(file), str(prepared), skip_symbolic_shape=True)
        if inputs is None:
            quantize_dynamic(prepared, file, per_channel=True, weight_type=QuantType.QUInt8)
        else:
            batches = _Batches(inputs.numpy(), progress)
            quantize_static(prepared, file, batches, quant_format=QuantFormat.QDQ, per_channel=True)
    model = onnx.load(file)
    onnx.helper.set_model_props(model, metadata)
    onnx.save(model, file)


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Suppress onnxruntime's log messages about layers that it does not quantize or quantizes as a whole."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


class _Batches:
    """Inputs in batches, as onnxruntime's calibration reads them."""

    def __init__(self, inputs: NDArray[np.generic], progress: Progress | None) -> None:
        self._progress, self._done, self._total = progress, 0, len(inputs)
        self._batches: Iterator[NDArray[np.generic]] = (
            inputs[start : start + BATCH_SIZE] for start in range(0, len(inputs), BATCH_SIZE)
        )

    def get_next(self) -> dict[str, NDArray[np.generic]] | None:
        """Return the next batch by the input's name, or None at the end."""
        batch = next(self._batches, None)
        if self._progress is not None:  # the batch before this one is done
            self._progress(min(self._done, self._total), self._total)
        self._done += BATCH_SIZE
        return None if batch is None else {INPUT: batch}
