"""The settings of an export: the format, the input, the precision and the calibration images."""

from dataclasses import dataclass
from pathlib import Path

from femb_cli.errors import UsageError

ENDINGS = {
    ".onnx": "onnx",
    ".ts": "torchscript",
    ".pt": "torchscript",
    ".pt2": "pt2",
    ".safetensors": "safetensors",
    ".pth": "arcface",
}
"""The format for a file's ending, where no format is given."""

_CERTAIN = (".onnx", ".pt2", ".safetensors")
"""Endings that name one format only."""

GRAPHS = ("onnx", "torchscript", "pt2")
"""The formats that hold the computation and not only the weights."""


@dataclass(frozen=True)
class ExportPlan:
    """The settings of one export; the constructor refuses combinations that have no effect.

    Attributes:
        format: onnx, torchscript, pt2 (of torch.export), safetensors, arcface, magface, or hub (a directory).
        with_preprocessing: whether the graph takes uint8 RGB images (B, H, W, 3) instead of preprocessed ones.
        half: whether an ONNX file stores its weights as float16; it still computes in float32.
        int8: whether an ONNX file computes with 8-bit integers.
        calibration: for int8, images that show the range of each layer's values; None: the range of each batch.
    """

    format: str
    with_preprocessing: bool = False
    half: bool = False
    int8: bool = False
    calibration: Path | None = None

    def __post_init__(self) -> None:
        """Refuse combinations that have no effect."""
        if self.with_preprocessing and self.format not in GRAPHS:
            raise UsageError(
                f"--with-preprocessing has no effect on {self.format}, which holds weights only",
                hint=f"--format {' or '.join(GRAPHS)}",
            )
        if (self.half or self.int8) and self.format != "onnx":
            raise UsageError(f"--half and --int8 make ONNX files, not {self.format}", hint="--format onnx")
        if self.half and self.int8:
            raise UsageError("--half and --int8 exclude each other")
        if self.calibration is not None and not self.int8:
            raise UsageError("--calibration has no effect without --int8")

    @property
    def precision(self) -> str:
        """The data type of the weights: float32, float16 or int8."""
        return "float16" if self.half else "int8" if self.int8 else "float32"


def format_of(out: Path, export_format: str | None) -> str:
    """Return the given format, or else the format for the file's ending.

    Raises:
        UsageError: no format is given, and the ending is unknown; or the ending is that of another format.
    """
    chosen = export_format or ENDINGS.get(out.suffix)
    if out.suffix in _CERTAIN and chosen != ENDINGS[out.suffix]:
        raise UsageError(
            f"{out.name} is the name of a file of {ENDINGS[out.suffix]}, and --format says {chosen}",
            hint="leave --format out, or choose another ending",
        )
    if chosen is None:
        known = ", ".join(ENDINGS)
        raise UsageError(
            f"cannot tell the format of {out.name!r} by its ending", hint=f"--format, or an ending of {known}"
        )
    return chosen


def default_target(model: Path, export_format: str | None) -> Path:
    """Return a path in the working directory, named after the model."""
    chosen = export_format or "safetensors"
    name = model.resolve().name.removesuffix(".safetensors")
    if chosen == "hub":
        return Path(f"{name}_hub")
    ending = next(ending for ending, meant in (*ENDINGS.items(), (".pth", "magface")) if meant == chosen)
    return Path(f"{name}{ending}")
