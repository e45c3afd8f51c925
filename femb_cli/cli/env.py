"""`femb env`."""

import platform
import sys

from femb_cli import __version__
from femb_cli.cli import options
from femb_cli.cli.output import Output

PACKAGES = ("torch", "torchvision", "accelerate", "datasets", "numpy", "safetensors", "typer", "onnx", "onnxruntime")


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
    from femb_cli.runtime.devices import has_bfloat16, pick_device

    device = pick_device(None)
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    Output(json=json, quiet=quiet).fields(
        {
            "femb": __version__,
            "python": sys.version.split()[0],
            "platform": platform.platform(),
            **{package: _version(package) for package in PACKAGES},
            "cpu cores": str(os.cpu_count()),
            "cuda": torch.version.cuda or "none",
            "gpus": ", ".join(gpus) or "none",
            "cpu kernels": torch.backends.cpu.get_cpu_capability(),
            "device": str(device),
            "femb embed": fastest_precision(device),
            "femb embed --exact": "float32",
            "femb train": "precision fp32, or bf16" if has_bfloat16(device) else "precision fp32; bf16 is emulated",
        }
    )


def _version(package: str) -> str:
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
