"""IR and IR-SE, the residual networks of AdaFace, CVLface, TFace, face.evoLVe and InsightFace_Pytorch.

An IR becomes an IResNet, an IR-SE the backbone `irse`. Both compute the same function. Their tensors differ:

- The blocks of an IR are one list, `body`. The first block, and every block with a convolution in its shortcut, begins
  a stage.
- The first block's shortcut has no tensors: it takes every second pixel. IResNet has a 1x1 convolution with stride 2
  and a batch norm there. The convolution becomes the identity matrix, and the norm becomes an identity.
- The last batch norm may have no weight and bias: they become 1 and 0. face.evoLVe, CurricularFace and
  InsightFace_Pytorch have no norm between a block's first convolution and its PReLU: it becomes an identity.
- A block of an IR-SE ends in a gate, and the backbone `irse` has the IR's first shortcut.

A batch norm computes weight (x - mean) / sqrt(variance + eps) + bias: it is the identity for a mean and bias of 0, a
weight of 1 and a variance of 1 - eps.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from femb_cli.backbones.iresnet import BLOCKS, IRSE_BLOCKS
from femb_cli.checkpoints.official.files.state_dict import StateDict, length
from femb_cli.checkpoints.official.networks.architecture import Architecture
from femb_cli.checkpoints.official.networks.iresnet import iresnet_config

OUTSIDE_BLOCKS = {
    "input_layer.0": "conv1",
    "input_layer.1": "bn1",
    "input_layer.2": "prelu",
    "output_layer.0": "bn2",
    "output_layer.3": "fc",
    "output_layer.4": "features",
}
SHORTCUT = {"shortcut_layer.0": "downsample.0", "shortcut_layer.1": "downsample.1"}
WITH_INNER_NORM = ("bn1", "conv1", "bn2", "prelu", "conv2", "bn3")
WITHOUT_INNER_NORM = ("bn1", "conv1", "prelu", "conv2", "bn3")
"""The names of `res_layer.0`, `res_layer.1` and so on in an IResNet's block."""
GATE_AFTER_INNER_NORM = "res_layer.se_block"
GATE_WITHOUT_INNER_NORM = "res_layer.5"
"""The name of a block's gate in AdaFace and TFace, and in face.evoLVe and InsightFace_Pytorch."""


@dataclass(frozen=True)
class _Block:
    """A block's name in the IR (`official`, such as `body.2`) and in the IResNet (`own`, such as `layer2.0`)."""

    official: str
    own: str


def ir_to_iresnet(tensors: StateDict, bn_eps: float, layers: Sequence[str]) -> dict[str, Tensor]:
    """Rename an IR's tensors and add those of the identities; unknown names stay as they are.

    Args:
        tensors: the tensors under their official names.
        bn_eps: epsilon of the batch norms.
        layers: `WITH_INNER_NORM` or `WITHOUT_INNER_NORM`.

    Raises:
        KeyError: a tensor that gives the number of channels is missing.
        ValueError: the first block has another number of channels than the layer before it.
    """
    blocks = _blocks(tensors)
    modules = dict(OUTSIDE_BLOCKS)
    for block in blocks:
        modules |= {f"{block.official}.res_layer.{index}": f"{block.own}.{name}" for index, name in enumerate(layers)}
        modules |= {f"{block.official}.{theirs}": f"{block.own}.{ours}" for theirs, ours in SHORTCUT.items()}
        gate = GATE_AFTER_INNER_NORM if layers == WITH_INNER_NORM else GATE_WITHOUT_INNER_NORM
        modules |= {f"{block.official}.{gate}.{layer}": f"{block.own}.gate.{layer}" for layer in ("fc1", "fc2")}
    renamed = {_rename(name, modules): tensor for name, tensor in tensors.items()}
    first_channels = _first_channels(tensors)
    if "layer1.0.gate.fc1.weight" not in renamed:
        renamed |= _identity_shortcut(first_channels, bn_eps)
    if "features.running_mean" in renamed:
        embedding_dim = length(renamed, "features.running_mean")
        renamed.setdefault("features.weight", torch.ones(embedding_dim))
        renamed.setdefault("features.bias", torch.zeros(embedding_dim))
    if layers == WITHOUT_INNER_NORM:
        for block in blocks:
            channels = length(tensors, f"{block.official}.res_layer.1.weight")
            renamed |= _identity_norm(f"{block.own}.bn2", channels, bn_eps)
    return renamed


def _blocks(tensors: StateDict) -> list[_Block]:
    """Return the blocks in order."""
    blocks: list[_Block] = []
    stage = index_in_stage = 0
    while f"body.{len(blocks)}.res_layer.0.weight" in tensors:
        official = f"body.{len(blocks)}"
        opens_stage = not blocks or f"{official}.shortcut_layer.0.weight" in tensors
        stage, index_in_stage = (stage + 1, 0) if opens_stage else (stage, index_in_stage + 1)
        blocks.append(_Block(official, f"layer{stage}.{index_in_stage}"))
    return blocks


def _rename(name: str, modules: dict[str, str]) -> str:
    module, _, leaf = name.rpartition(".")
    return f"{modules[module]}.{leaf}" if module in modules else name


def _first_channels(tensors: StateDict) -> int:
    """Return the channels of the first block, after checking that its first convolution keeps their number."""
    channels, shape = length(tensors, "input_layer.0.weight"), tuple(tensors["body.0.res_layer.1.weight"].shape)
    if shape != (channels, channels, 3, 3):
        raise ValueError(f"body.0.res_layer.1.weight has the shape {shape} after a layer of {channels} channels")
    return channels


def _identity_shortcut(channels: int, bn_eps: float) -> dict[str, Tensor]:
    identity = {"layer1.0.downsample.0.weight": torch.eye(channels)[:, :, None, None]}
    return identity | _identity_norm("layer1.0.downsample.1", channels, bn_eps)


def _identity_norm(name: str, channels: int, bn_eps: float) -> dict[str, Tensor]:
    """Return the tensors of a batch norm that changes nothing, not even in float64.

    With a weight of 1 the variance must be 1 - eps, and the nearest float32 number is off by 1e-8, which adds up over
    50 layers. So the weight is a float32 number just below 1, chosen so that its square less eps is nearly a float32
    number: off by 1e-12 at most.
    """
    weights = 1 - torch.arange(2**14, dtype=torch.float64) / 2**24
    variances = (weights**2 - bn_eps).float()
    best = ((variances.double() + bn_eps) / weights**2 - 1).abs().argmin()
    return {
        f"{name}.weight": torch.full((channels,), weights[best].item()),
        f"{name}.bias": torch.zeros(channels),
        f"{name}.running_mean": torch.zeros(channels),
        f"{name}.running_var": torch.full((channels,), variances[best].item()),
        f"{name}.num_batches_tracked": torch.tensor(0),
    }


IR = Architecture(
    "IR",
    marker="body.0.res_layer.2.running_mean",
    backbones=tuple(BLOCKS),
    config=iresnet_config,
    rename=lambda tensors, bn_eps: ir_to_iresnet(tensors, bn_eps, WITH_INNER_NORM),
    first_layer="conv1.weight",
)
IR_WITHOUT_INNER_NORM = replace(
    IR,
    title="IR without a batch norm inside its blocks",
    marker="body.0.res_layer.4.running_mean",
    rename=lambda tensors, bn_eps: ir_to_iresnet(tensors, bn_eps, WITHOUT_INNER_NORM),
)
IRSE = replace(IR, title="IR-SE", marker=f"body.0.{GATE_AFTER_INNER_NORM}.fc1.weight", backbones=tuple(IRSE_BLOCKS))
IRSE_WITHOUT_INNER_NORM = replace(
    IR_WITHOUT_INNER_NORM,
    title="IR-SE without a batch norm inside its blocks",
    marker=f"body.0.{GATE_WITHOUT_INNER_NORM}.fc1.weight",
    backbones=tuple(IRSE_BLOCKS),
    usual_family="InsightFace_Pytorch",  # its IR-SE50 is the one that is published
)
