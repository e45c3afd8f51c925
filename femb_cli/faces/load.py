"""Load a detector by name, or from its file."""

from pathlib import Path

import torch

from femb_cli.config.detectors import check_detector
from femb_cli.errors import FembError
from femb_cli.evaluation.download import download
from femb_cli.faces.detection.cascade import Cascade
from femb_cli.faces.detection.yunet import YuNet
from femb_cli.faces.find import FaceFinder, Proposer
from femb_cli.files import cache_folder, file_sha256

_ALGORITHM = 1
"""Raised when femb finds other boxes or landmarks with the same networks than before."""

_YUNET_URL = (
    "https://raw.githubusercontent.com/ShiqiYu/libfacedetection.train/0047ac24afb1a50a0c6105001c89d1b5b805dbf1"
    "/onnx/yunet_s_dynamic.onnx"
)
_YUNET_SHA256 = "daede24002cc8590f457998cc5e6c9e8b82f45f6bd969506a8913cd4ed10a2d3"


def load_face_finder(detector: str | Path = "mtcnn", device: torch.device | str = "cpu") -> FaceFinder:
    """Load a detector; the landmarks come from MTCNN's O-Net in any case.

    Args:
        detector: `mtcnn` finds the smallest faces, and its networks are installed with femb. `yunet` is three times as
            fast, is downloaded once (230 KB) and needs onnxruntime. Any other value is the path of YuNet's ONNX file.
        device: where MTCNN's networks compute; YuNet computes on the CPU. The commands search on all cores of the CPU,
            which leaves the GPU to the network that embeds.

    Raises:
        FembError: the package `mtcnn`, onnxruntime or the file is missing, or the file is another one.
    """
    return FaceFinder(_load_proposer(detector, device), device)


def detector_fingerprint(detector: str | Path = "mtcnn") -> str:
    """Return a text that is the same for two detectors only if they find the same faces.

    Args:
        detector: see `load_face_finder`.

    Raises:
        FembError: the file is missing, or YuNet cannot be downloaded.
    """
    if detector == "mtcnn":
        return f"mtcnn-{_ALGORITHM}"
    check_detector(detector)
    path = _published_yunet() if detector == "yunet" else Path(detector)
    return f"yunet-{_ALGORITHM}-{file_sha256(path)[:12]}"


def _load_proposer(detector: str | Path, device: torch.device | str) -> Proposer:
    if detector == "mtcnn":
        return Cascade(device)
    return YuNet(_published_yunet() if detector == "yunet" else detector)


def _published_yunet() -> Path:
    """Return YuNet's file in the cache, downloaded if need be."""
    path = cache_folder() / "detectors" / "yunet_s_dynamic.onnx"
    if not path.is_file() or file_sha256(path) != _YUNET_SHA256:
        try:
            download(_YUNET_URL, path, sha256=_YUNET_SHA256)
        except FembError as error:
            raise FembError(
                f"YuNet is not in the cache, and {error.message}",
                hint="use the detector mtcnn, or give the path of a copy of that file",
            ) from error
    return path
