"""Describe another program's ONNX file: what its graph says, and what the file beside it states."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from femb_cli.checkpoints.onnx_file import OnnxValue, onnx_errors, onnx_inputs, onnx_outputs, read_onnx_model
from femb_cli.checkpoints.stated_onnx import StatedOnnx, count_numbers, read_stated_onnx
from femb_cli.errors import FembError


@dataclass(frozen=True)
class OnnxDetails:
    """An ONNX file that femb did not write.

    Attributes:
        path: the file.
        inputs: what its graph takes.
        outputs: what its graph gives.
        num_parameters: numbers in all weights.
        producer: the program that wrote it, as far as it says.
        opset: the version of ONNX's operators.
        stated: the file as a model; None if femb cannot use it as one.
        problem: why femb cannot use it as a model; None if it can.
        hint: what to do about the problem.
    """

    path: Path
    inputs: list[OnnxValue]
    outputs: list[OnnxValue]
    num_parameters: int
    producer: str
    opset: int | None
    stated: StatedOnnx | None
    problem: str | None = None
    hint: str | None = None

    @property
    def num_bytes(self) -> int:
        """Size of the file, and of the files with its weights as far as femb can use them."""
        files = (self.path, *(self.stated.weight_files if self.stated else ()))
        return sum(file.stat().st_size for file in files)

    def to_json(self) -> dict[str, Any]:
        """Return the details as plain values, as `femb inspect --json` prints them."""
        stated = self.stated
        facts: dict[str, Any] = {
            "path": str(self.path),
            "kind": "ONNX file of another program",
            "bytes": self.num_bytes,
            "parameters": self.num_parameters,
            "producer": self.producer,
            "opset": self.opset,
            "inputs": [asdict(value) for value in self.inputs],
            "outputs": [asdict(value) for value in self.outputs],
            "problem": self.problem,
        }
        if stated is not None:
            facts |= {
                "stated_by": str(stated.pixels.file),
                **asdict(stated.preprocessing),
                "flip": stated.pixels.flip,
                "output": stated.embeddings.name,
                "layout": stated.layout,
            }
        return facts


def inspect_onnx(path: Path) -> OnnxDetails:
    """Read what an ONNX file of another program says, and what is stated of it; nothing is computed.

    Raises:
        FembError: the file is missing or damaged.
    """
    model = read_onnx_model(path)
    stated, problem, hint = None, None, None
    try:
        stated = read_stated_onnx(path)
    except FembError as error:
        problem, hint = error.message, error.hint
    with onnx_errors(path):
        return OnnxDetails(
            path,
            onnx_inputs(model),
            onnx_outputs(model),
            num_parameters=count_numbers(model.graph.initializer),
            producer=" ".join(text for text in (model.producer_name, model.producer_version) if text),
            opset=next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), None),
            stated=stated,
            problem=problem,
            hint=hint,
        )
