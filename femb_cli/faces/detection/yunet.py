"""YuNet, a detector that scans a picture in one pass; its boxes go to O-Net, as those of P-Net and R-Net do.

Wu, Peng, Yu: YuNet: A Tiny Millisecond-level Face Detector, Machine Intelligence Research 20, 2023. The network is an
ONNX file of ShiqiYu/libfacedetection.train (Apache-2.0); the OpenCV Zoo publishes the same weights for pictures of
640 x 640 pixels. Its own landmarks are left aside, because O-Net's are three times as accurate.

Shapes: N boxes, left, top, right, bottom edge each; C cells of all strides.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from femb_cli.errors import FembError
from femb_cli.faces.detection.boxes import suppress
from femb_cli.faces.detection.picture import Picture

SHORT_SIDE = 224
"""Shorter side of the picture that the network sees, in pixels: it finds nearly all faces of an eighth of that."""

_STRIDES = (8, 16, 32)
_OUTPUTS = [f"{kind}_{stride}" for kind in ("cls", "obj", "bbox") for stride in _STRIDES]
_SCORE, _OVERLAP = 0.45, 0.3
"""The authors' score of 0.6 loses small faces; O-Net rejects what is none."""


class YuNet:
    """Pictures to boxes that probably hold faces.

    Args:
        path: the ONNX file, for pictures of any size or of a fixed one.

    Raises:
        FembError: onnxruntime or the file is missing, or the file is not YuNet.
    """

    def __init__(self, path: str | Path) -> None:
        self._session = _open(Path(path))
        height, width = self._session.get_inputs()[0].shape[2:]
        self._fixed_size = (height, width) if isinstance(height, int) and isinstance(width, int) else None

    def __call__(self, pictures: Sequence[Picture]) -> list[NDArray[np.float64]]:
        """Return the boxes of each picture, (N, 4)."""
        return [self._scan(picture) for picture in pictures]

    def _scan(self, picture: Picture) -> NDArray[np.float64]:
        scale = min(SHORT_SIDE / min(picture.height, picture.width), 1.0)
        if self._fixed_size:
            scale = min(scale, self._fixed_size[0] / picture.height, self._fixed_size[1] / picture.width)
        pixels_3HW = picture.scaled(scale)[0].numpy(force=True)
        height, width = pixels_3HW.shape[1:]
        padded = self._fixed_size or (_up_to_whole_cells(height), _up_to_whole_cells(width))
        # BGR, values from 0 to 255; black below and to the right.
        input_13HW = np.zeros((1, 3, *padded), dtype=np.float32)
        input_13HW[0, :, :height, :width] = pixels_3HW[::-1]
        outputs = dict(zip(_OUTPUTS, self._session.run(_OUTPUTS, {"input": input_13HW}), strict=True))
        boxes_N4, scores_N = _decode(outputs, padded[1])
        kept = suppress(boxes_N4, scores_N, _OVERLAP)
        return boxes_N4[kept] * np.tile((picture.width / width, picture.height / height), 2)


def _decode(outputs: dict[str, NDArray[np.float32]], width: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the boxes (N, 4) and scores (N,) of the cells that hold a face, in pixels of the network's input."""
    boxes, scores = [], []
    for stride in _STRIDES:
        classes_C, objects_C = (outputs[f"{kind}_{stride}"][0, :, 0].astype(float) for kind in ("cls", "obj"))
        scores_C = np.sqrt(classes_C.clip(0, 1) * objects_C.clip(0, 1))
        cells = np.flatnonzero(scores_C >= _SCORE)
        shifts_N4 = outputs[f"bbox_{stride}"][0, cells].astype(float)
        corners_N2 = np.stack([cells % (width // stride), cells // (width // stride)], axis=1)
        middles_N2 = (corners_N2 + shifts_N4[:, :2]) * stride
        halves_N2 = np.exp(shifts_N4[:, 2:]) * (stride / 2)
        boxes.append(np.concatenate([middles_N2 - halves_N2, middles_N2 + halves_N2], axis=1))
        scores.append(scores_C[cells])
    return np.concatenate(boxes), np.concatenate(scores)


def _up_to_whole_cells(length: int) -> int:
    return -(-length // _STRIDES[-1]) * _STRIDES[-1]


def _open(path: Path) -> Any:
    """Return the `onnxruntime.InferenceSession` of a file that has YuNet's outputs."""
    if not path.is_file():
        raise FembError(f"no detector at {path}")
    try:
        import onnxruntime
    except ImportError as error:
        raise FembError(f"the detector {path} needs onnxruntime", hint="pip install onnx onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # logs nothing: errors are raised in any case
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no base class in common
        raise FembError(f"{path} is not a readable ONNX file") from error
    if [each.name for each in session.get_inputs()] != ["input"] or not set(_OUTPUTS) <= {
        each.name for each in session.get_outputs()
    }:
        raise FembError(f"{path} is not YuNet", hint="femb reads the ONNX files of ShiqiYu/libfacedetection.train")
    return session
