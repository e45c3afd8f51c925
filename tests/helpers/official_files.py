"""Small networks under official names, and files of them to convert."""

import torch

from femb_cli.backbones import build_backbone
from femb_cli.checkpoints.official import convert_checkpoint

SMALL = {"width": 0.125, "embedding_dim": 8, "input_size": 32}


def iresnet_tensors():
    """The state dict of a small IResNet."""
    torch.manual_seed(0)
    return build_backbone("iresnet18", **SMALL).state_dict()


def with_prefix(prefix):
    """The state dict with a prefix on every name."""
    return {f"{prefix}{name}": tensor for name, tensor in iresnet_tensors().items()}


def convert(tmp_path, content, **options):
    """Save a content as `official.pth` and convert it to `converted`."""
    torch.save(content, tmp_path / "official.pth")
    return convert_checkpoint(tmp_path / "official.pth", tmp_path / "converted", **{"say": lambda _: None} | options)
