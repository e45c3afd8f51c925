"""ONNX files that compute with whole numbers of 8 bits, by onnxruntime's quantization."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from femb_cli.inference.onnx_runtime import INPUT

BATCH_SIZE = 16


def quantize(file: Path, inputs: Tensor | None) -> None:
    """Replace an ONNX file by one of 8 bits, with the same metadata.

    With inputs for the calibration every layer gets the range of values that it had on them. Without, the weights are
    8-bit numbers and the ranges are found anew for every batch, which costs time at every use.

    Args:
        file: the float32 network.
        inputs: what it takes, of many images.
    """
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_dynamic, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    metadata = {entry.key: entry.value for entry in onnx.load(file).metadata_props}
    with TemporaryDirectory(prefix="femb-") as folder, _without_advice():
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(file), str(prepared), skip_symbolic_shape=True)
        if inputs is None:
            quantize_dynamic(prepared, file, per_channel=True, weight_type=QuantType.QUInt8)
        else:
            batches = _Batches(inputs.numpy())
            quantize_static(prepared, file, batches, quant_format=QuantFormat.QDQ, per_channel=True)
    model = onnx.load(file)
    onnx.helper.set_model_props(model, metadata)
    onnx.save(model, file)


@contextmanager
def _without_advice() -> Iterator[None]:
    """Keep back what onnxruntime logs of layers that it leaves in float32 or quantizes whole."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


class _Batches:
    """Inputs in batches, in the form that onnxruntime's calibration asks for."""

    def __init__(self, inputs: NDArray[np.generic]) -> None:
        self._batches: Iterator[NDArray[np.generic]] = (
            inputs[start : start + BATCH_SIZE] for start in range(0, len(inputs), BATCH_SIZE)
        )

    def get_next(self) -> dict[str, NDArray[np.generic]] | None:
        """The next batch by the input's name, or None at the end."""
        batch = next(self._batches, None)
        return None if batch is None else {INPUT: batch}
