"""MobileFaceNet: arcface_torch's (`mbf`, `mbf_large`), InsightFace_Pytorch's (`mbf_small`) and foamliu's.

InsightFace_Pytorch's network is arcface_torch's with half of its channels, under other names: parts and layers have
names where arcface_torch's have numbers.
"""

from torch import Tensor

from femb_cli.checkpoints.official.files.state_dict import StateDict, length
from femb_cli.checkpoints.official.networks.architecture import Architecture
from femb_cli.config.schema import BackboneConfig, MobileFaceNetConfig

FIRST_RESIDUAL = "layers.1.layers.0.layers.0.layers.0.weight"
"""A tensor that only `mbf_large` has: only it starts with residual blocks."""

PARTS = {
    **{"conv1": "layers.0", "conv2_dw": "layers.1", "conv_23": "layers.2", "conv_3": "layers.3"},
    **{"conv_34": "layers.4", "conv_4": "layers.5", "conv_45": "layers.6", "conv_5": "layers.7"},
    **{"conv_6_sep": "conv_sep", "conv_6_dw": "features.layers.0", "linear": "features.layers.2"},
    "bn": "features.layers.3",
}
"""The parts of InsightFace_Pytorch's network, and arcface_torch's names for them."""
LAYERS = {
    **{"model": "layers", "conv": "layers.0", "conv_dw": "layers.1", "project": "layers.2"},
    **{"bn": "layers.1", "prelu": "layers.2"},
}
"""The layers inside these parts."""


def _rename(tensors: StateDict, bn_eps: float) -> dict[str, Tensor]:
    """Give the tensors of InsightFace_Pytorch's network arcface_torch's names; unknown names stay as they are."""
    renamed = {}
    for name, tensor in tensors.items():
        part, *inside = name.split(".")
        layers = [PARTS.get(part, part), *(LAYERS.get(layer, layer) for layer in inside)]
        renamed[".".join(layers)] = tensor
    return renamed


def _wide_config(tensors: StateDict, bn_eps: float) -> BackboneConfig:
    is_small = length(tensors, "layers.0.layers.0.weight") == 64
    return MobileFaceNetConfig(
        "mbf_large" if FIRST_RESIDUAL in tensors else "mbf_small" if is_small else "mbf",
        embedding_dim=length(tensors, "features.layers.3.running_mean"),
        input_size=16 * tensors["features.layers.0.layers.0.weight"].shape[-1],
        bn_eps=bn_eps,
    )


def _paper_config(tensors: StateDict, bn_eps: float) -> BackboneConfig:
    return MobileFaceNetConfig(
        "mobilefacenet",
        embedding_dim=length(tensors, "bn.running_mean"),
        input_size=16 * tensors["gdconv.depthwise.weight"].shape[-1],
        bn_eps=bn_eps,
    )


NAMED_MOBILEFACENET = Architecture(
    "MobileFaceNet (InsightFace_Pytorch's)",
    marker="conv_6_dw.conv.weight",
    backbones=("mbf_small",),
    config=_wide_config,
    rename=_rename,
    first_layer="layers.0.layers.0.weight",
    usual_family="InsightFace_Pytorch",
)
WIDE_MOBILEFACENET = Architecture(
    "MobileFaceNet (mbf)",
    marker="conv_sep.layers.0.weight",
    backbones=("mbf", "mbf_large"),
    config=_wide_config,
)
MOBILEFACENET = Architecture(
    "MobileFaceNet",
    marker="gdconv.depthwise.weight",
    backbones=("mobilefacenet",),
    config=_paper_config,
)
