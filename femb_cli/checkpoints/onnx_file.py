"""Read the protobuf of an ONNX file, and turn the errors of ONNX libraries into FembErrors."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from femb_cli.errors import FembError


def read_onnx_model(path: Path) -> Any:
    """Read an ONNX file as an `onnx.ModelProto`, without running it and without opening any other file.

    Raises:
        FembError: the package onnx or the file is missing, or the file is damaged.
    """
    with onnx_errors(path):
        import onnx

        return onnx.load_model(path, format="protobuf", load_external_data=False)


def onnx_metadata(model: Any) -> dict[str, str]:
    """Return the metadata of an `onnx.ModelProto`; if femb wrote the file, it is a model card."""
    return {entry.key: entry.value for entry in model.metadata_props}


@contextmanager
def onnx_errors(path: Path) -> Iterator[None]:
    """Turn any error in reading an ONNX file into a FembError that names the file.

    Raises:
        FembError: the file or a package is missing, or the file is damaged.
    """
    if not path.is_file():
        raise FembError(f"no model at {path}")
    try:
        yield
    except FembError:
        raise
    except ImportError as error:
        raise FembError(f"reading ONNX files needs {error.name}", hint="pip install 'femb[onnx]'") from error
    except Exception as error:  # onnx's, protobuf's and onnxruntime's errors have no base class in common
        raise FembError(f"{path} is not a readable ONNX file: {first_line(error)}") from error


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or the name of its type if the message is empty."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
