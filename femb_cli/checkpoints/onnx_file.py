"""Read the protobuf of an ONNX file, and turn the errors of ONNX libraries into FembErrors."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femb_cli.errors import FembError
from femb_cli.files import missing
from femb_cli.text import shown

MOST_BYTES = 2**31
"""Of an ONNX file: protobuf holds no more. Larger weights are in files beside it."""


def read_onnx_model(path: Path) -> Any:
    """Read an ONNX file as an `onnx.ModelProto`, without running it and without opening any other file.

    Raises:
        FembError: the package onnx or the file is missing, or the file is damaged or too large.
    """
    with onnx_errors(path):
        import onnx

        if path.stat().st_size > MOST_BYTES:
            raise FembError(f"{path} is not an ONNX file: it has {path.stat().st_size:,} bytes, more than 2 GiB")

        model = onnx.load_model(path, format="protobuf", load_external_data=False)
        if not model.HasField("graph"):
            raise FembError(f"{path} is not a readable ONNX file: it has no graph")
        return model


@dataclass(frozen=True)
class OnnxValue:
    """An input or output of a graph.

    Attributes:
        name: its name.
        kind: the type of its numbers as numpy calls it, such as `float32`; empty if it is no tensor of numbers.
        shape: its sizes; None for a size that is not fixed. Empty if nothing is known.
    """

    name: str
    kind: str
    shape: tuple[int | None, ...]

    def __str__(self) -> str:
        sizes = ", ".join("any" if size is None else str(size) for size in self.shape)
        return f"{self.name!r} ({self.kind or 'no tensor'}, shape {sizes or 'unknown'})"


def onnx_inputs(model: Any) -> list[OnnxValue]:
    """Return the inputs of an `onnx.ModelProto`, without those that are weights."""
    weights = {tensor.name for tensor in model.graph.initializer}
    return [_value_of(value) for value in model.graph.input if value.name not in weights]


def onnx_outputs(model: Any) -> list[OnnxValue]:
    """Return the outputs of an `onnx.ModelProto`."""
    return [_value_of(value) for value in model.graph.output]


def _value_of(value: Any) -> OnnxValue:
    from onnx.helper import tensor_dtype_to_np_dtype

    kind = value.type.tensor_type
    sizes = tuple(size.dim_value if size.dim_value > 0 else None for size in kind.shape.dim)
    return OnnxValue(value.name, tensor_dtype_to_np_dtype(kind.elem_type).name if kind.elem_type else "", sizes)


def onnx_weight_files(model: Any, path: Path) -> list[Path]:
    """Return the files beside an ONNX file that hold weights of an `onnx.ModelProto`.

    Raises:
        FembError: such a file is missing or too short, or lies elsewhere.
    """
    from onnx.external_data_helper import uses_external_data

    files: dict[Path, None] = {}
    for tensor in _tensors(model.graph, *model.functions):
        if uses_external_data(tensor):
            read_array(tensor, path)  # maps the file, and so checks its name and its length
            files[path.parent / next(item.value for item in tensor.external_data if item.key == "location")] = None
    return list(files)


def _tensors(*graphs: Any) -> Iterator[Any]:
    """Yield all tensors of graphs and functions, and of the graphs inside their nodes."""
    for graph in graphs:
        yield from getattr(graph, "initializer", ())
        for node in graph.node:
            for attribute in node.attribute:
                yield from (attribute.t, *attribute.tensors)
                yield from _tensors(*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs)


def read_array(tensor: Any, path: Path) -> NDArray[Any]:
    """Return the numbers of an `onnx.TensorProto`; those in another file are mapped into memory, not read.

    Args:
        tensor: the tensor.
        path: the ONNX file; a file of weights has to lie in the same folder.

    Raises:
        FembError: the file of the weights is missing, too short, or lies elsewhere.
    """
    from onnx.external_data_helper import uses_external_data
    from onnx.helper import tensor_dtype_to_np_dtype
    from onnx.numpy_helper import to_array

    if not uses_external_data(tensor):
        return to_array(tensor)
    entries = {entry.key: entry.value for entry in tensor.external_data}
    file, dtype = _file_beside(entries.get("location", ""), path), tensor_dtype_to_np_dtype(tensor.data_type)
    offset, num_bytes = int(entries.get("offset", 0)), math.prod(tensor.dims) * dtype.itemsize
    is_inside = offset >= 0 and min(tensor.dims, default=1) >= 0 and offset + num_bytes <= file.stat().st_size
    if not is_inside or int(entries.get("length", num_bytes)) != num_bytes:
        raise FembError(
            f"{file} does not hold the weights {tensor.name!r} of {path}: it has {file.stat().st_size:,} bytes",
            hint="copy both files again: they belong together",
        )
    return np.memmap(file, dtype, "r", offset, tuple(tensor.dims)) if num_bytes else np.empty(tensor.dims, dtype)


def _file_beside(location: str, path: Path) -> Path:
    """Return the file of weights that an ONNX file names.

    Raises:
        FembError: the name is not that of a file in the same folder, or there is no such file.
    """
    if PureWindowsPath(location).name != location or location in ("", ".", "..") or "\0" in location:
        raise FembError(
            f"{path} keeps its weights in {shown(location)}, and femb opens only a file in the same folder",
            hint="onnx.save(onnx.load(FILE), NEW_FILE) puts them inside",
        )
    if not (path.parent / location).is_file():
        raise FembError(
            f"{path} keeps its weights in {shown(location)}, which is not beside it",
            hint=f"copy {location} into the folder of {path.name}, under the same name",
        )
    return path.parent / location


def onnx_metadata(model: Any) -> dict[str, str]:
    """Return the metadata of an `onnx.ModelProto`; if femb wrote the file, it is a model card."""
    # protobuf gives bytes where a text is not UTF-8.
    return {_text(entry.key): _text(entry.value) for entry in model.metadata_props}


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


@contextmanager
def onnx_errors(path: Path) -> Iterator[None]:
    """Turn any error in reading an ONNX file into a FembError that names the file.

    Raises:
        FembError: the file or a package is missing, or the file is damaged.
    """
    if not path.is_file():
        raise FembError(f"no model at {path}", hint=missing(path).hint)
    try:
        yield
    except FembError:
        raise
    except ImportError as error:
        raise FembError(f"reading ONNX files needs {error.name}", hint="pip install onnx onnxruntime") from error
    except Exception as error:  # onnx's, protobuf's and onnxruntime's errors have no base class in common
        is_damaged = type(error).__name__ == "DecodeError"  # protobuf's, whose words are about bytes
        problem = "it is damaged or of another kind" if is_damaged else first_line(error)
        raise FembError(f"{path} is not a readable ONNX file: {problem}") from error


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or the name of its type if the message is empty."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
