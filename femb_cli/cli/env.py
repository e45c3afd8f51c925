"""`femb env`."""

import platform
import sys
from importlib import metadata

from femb_cli import __version__
from femb_cli.cli import options
from femb_cli.cli.output import Output, format_pairs

PACKAGES = ("torch", "torchvision", "accelerate", "datasets", "numpy", "safetensors", "typer", "onnx", "onnxruntime")


def env(json: options.Json = False) -> None:
    """Show what this machine is: what a bug report needs.

    \b
    Examples:
      femb env
      femb env --json
    """
    import os

    import torch

    facts = {"femb": __version__, "python": sys.version.split()[0], "platform": platform.platform()}
    facts |= {package: _version(package) for package in PACKAGES}
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    facts |= {"cpu cores": str(os.cpu_count()), "cuda": torch.version.cuda or "none", "gpus": ", ".join(gpus) or "none"}
    Output(json=json).result(facts, format_pairs(facts))


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
