"""`femb env`."""

import platform
import sys
from typing import TYPE_CHECKING

from femb_cli import __version__
from femb_cli.cli import options
from femb_cli.cli.output import Output

if TYPE_CHECKING:
    import torch

PACKAGES = (
    *("torch", "torchvision", "accelerate", "datasets", "numpy", "safetensors", "typer", "mtcnn"),
    *("onnx", "onnxruntime", "faiss-cpu", "pillow-heif"),
)


def env(json: options.Json = False, quiet: options.Quiet = False) -> None:
    """Show the versions, the processor and the GPUs of this machine, and how femb computes on it.

    \b
    Examples:
      femb env
      femb env --json
    """
    import os

    import torch

    from femb_cli.inference.precision import fastest_precision
    from femb_cli.runtime.compilation import can_compile
    from femb_cli.runtime.devices import has_bfloat16, pick_device

    device = pick_device(None)
    gpus = [_describe_gpu(index) for index in range(torch.cuda.device_count())]
    Output(json=json, quiet=quiet).fields(
        {
            "femb": __version__,
            "python": sys.version.split()[0],
            "platform": platform.platform(),
            **{package: _version(package) for package in PACKAGES},
            "cpu cores": str(os.cpu_count()),
            "memory": _memory(),
            "cuda": torch.version.cuda or "none",
            "gpus": ", ".join(gpus) or "none",
            "cpu kernels": torch.backends.cpu.get_cpu_capability(),
            "device": str(device),
            "femb embed": fastest_precision(device),
            "femb embed --exact": "float32",
            "femb train": "precision fp32, or bf16" if has_bfloat16(device) else "precision fp32; bf16 is emulated",
            "precisions": ", ".join(_precisions(device)),
            "torch.compile": "in long jobs" if can_compile(device) else f"no: {_lacks_compiler(device)}",
            "onnx files": _onnx_providers(),
        }
    )


def _describe_gpu(index: int) -> str:
    """Name a GPU, with its memory and the kernels that it takes."""
    import torch

    known = torch.cuda.get_device_properties(index)
    return f"{known.name} ({known.total_memory / 1e9:.0f} GB, sm_{known.major}{known.minor})"


def _memory() -> str:
    """Return the main memory of this machine."""
    import os

    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f} GB"
    except (AttributeError, OSError, ValueError):  # not on every system
        return "unknown"


def _precisions(device: "torch.device") -> list[str]:
    """Return what --precision of femb train can be on a device; what it only emulates is marked."""
    import torch

    from femb_cli.runtime.devices import has_bfloat16

    is_gpu = device.type == "cuda"
    has_tf32 = is_gpu and torch.cuda.get_device_capability(device) >= (8, 0)
    bfloat16 = "bf16" if has_bfloat16(device) else "bf16 (emulated)"
    half = ["fp16"] if is_gpu else []
    double = [] if device.type == "mps" else ["fp64"]
    return ["fp32", *(["tf32"] if has_tf32 else []), bfloat16, *half, *double]


def _lacks_compiler(device: "torch.device") -> str:
    return {"cuda": "Triton is missing", "cpu": "a C++ compiler is missing"}.get(device.type, f"not on {device.type}")


def _onnx_providers() -> str:
    """Return what onnxruntime computes with, the fastest first."""
    try:
        import onnxruntime
    except ImportError:
        return "need onnxruntime"
    names = [name.removesuffix("ExecutionProvider") for name in onnxruntime.get_available_providers()]
    return ", ".join(name for name in names if name != "Azure")


def _version(package: str) -> str:
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
