"""IResNet under the names of insightface's MXNet code, for example `stage1_unit1_conv1_weight`."""

import re

import torch
from torch import Tensor

from femb_cli.backbones.iresnet import BLOCKS
from femb_cli.checkpoints.official.files.state_dict import StateDict, length
from femb_cli.checkpoints.official.networks.architecture import Architecture
from femb_cli.checkpoints.official.networks.iresnet import iresnet_config

OUTSIDE_UNITS = {"conv0": "conv1", "bn0": "bn1", "relu0": "prelu", "bn1": "bn2", "pre_fc1": "fc", "fc1": "features"}
INSIDE_UNITS = {"relu1": "prelu", "conv1sc": "downsample.0", "sc": "downsample.1"}
"""Layers with other names than an IResNet's."""
LEAVES = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_var": "running_var"}
NAME = re.compile(r"(?:stage(\d+)_unit(\d+)_)?(\w+?)_(weight|bias|gamma|beta|moving_mean|moving_var)")


def _to_iresnet(tensors: StateDict, bn_eps: float) -> dict[str, Tensor]:
    """Give the tensors an IResNet's names; unknown names stay as they are.

    MXNet computes the last batch norm with a weight of 1 (`fix_gamma`), whatever the file says.
    """
    renamed = {_rename(name): tensor for name, tensor in tensors.items()}
    return {**renamed, "features.weight": torch.ones(length(renamed, "features.running_mean"))}


def _rename(name: str) -> str:
    match = NAME.fullmatch(name)
    if match is None:
        return name
    stage, unit, layer, leaf = match.groups()
    leaf = LEAVES.get(leaf, leaf)
    if stage is None:
        return f"{OUTSIDE_UNITS[layer]}.{leaf}" if layer in OUTSIDE_UNITS else name
    return f"layer{stage}.{int(unit) - 1}.{INSIDE_UNITS.get(layer, layer)}.{leaf}"


MXNET_IRESNET = Architecture(
    "IResNet of MXNet",
    marker="stage1_unit1_conv1_weight",
    backbones=tuple(BLOCKS),
    config=iresnet_config,
    rename=_to_iresnet,
)
