"""Small networks under official names, and files of them to convert."""

import torch

from femb_cli.backbones import build_backbone
from femb_cli.checkpoints.official import convert_checkpoint
from femb_cli.checkpoints.official.networks.ir import OUTSIDE_BLOCKS, SHORTCUT, WITH_INNER_NORM

SMALL = {"width": 0.125, "embedding_dim": 8, "input_size": 32}
BLOCK_OF_OWN = {f"layer{stage}.{index}": 2 * (stage - 1) + index for stage in (1, 2, 3, 4) for index in (0, 1)}


def iresnet():
    """The tensors of a small IResNet."""
    torch.manual_seed(0)
    return build_backbone("iresnet18", **SMALL).state_dict()


def magface(prefix, classifier="module.fc.weight"):
    """A file of MagFace's, with class weights of five identities."""
    named = {prefix + name: tensor for name, tensor in iresnet().items()}
    class_weights = torch.zeros(8, 5) if classifier == "module.fc.weight" else torch.zeros(5, 8)
    return {"epoch": 25, "arch": "iresnet18", "state_dict": {**named, classifier: class_weights}}


def ir(prefix="", layers=WITH_INNER_NORM):
    """The tensors of a small IResNet under an IR's names, without those that an IR does not have."""
    outside = {ours: theirs for theirs, ours in OUTSIDE_BLOCKS.items()}
    inside = {name: f"res_layer.{index}" for index, name in enumerate(layers)}
    inside |= {ours: theirs for theirs, ours in SHORTCUT.items()}
    named = {}
    for name, tensor in iresnet().items():
        module, leaf = name.rsplit(".", 1)
        block, layer = ".".join(module.split(".")[:2]), ".".join(module.split(".")[2:])
        if module.startswith("layer1.0.downsample") or name in ("features.weight", "features.bias"):
            continue
        if module in outside:
            named[f"{prefix}{outside[module]}.{leaf}"] = tensor
        elif layer in inside:
            named[f"{prefix}body.{BLOCK_OF_OWN[block]}.{inside[layer]}.{leaf}"] = tensor
    return named


def convert(folder, content, **options):
    """Save a content as `official.pth` and convert it to `converted`."""
    torch.save(content, folder / "official.pth")
    return convert_checkpoint(folder / "official.pth", folder / "converted", **{"say": lambda _: None} | options)
