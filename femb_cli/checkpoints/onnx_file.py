"""Read the protobuf of an ONNX file, and give every reader of ONNX files the same errors."""

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
    """Return the texts that an `onnx.ModelProto` carries; those that femb wrote are a model card."""
    return {entry.key: entry.value for entry in model.metadata_props}


@contextmanager
def onnx_errors(path: Path) -> Iterator[None]:
    """Translate what goes wrong while an ONNX file is read into errors that name the file.

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
    """Return the first line of an error's text, or its type where it has none."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
