"""MobileFaceNet: arcface_torch's (`mbf`, `mbf_large`) and the one of foamliu's repository (`mobilefacenet`)."""

from femb_cli.checkpoints.official.files.state_dict import StateDict, length
from femb_cli.checkpoints.official.networks.architecture import Architecture
from femb_cli.config.schema import BackboneConfig, MobileFaceNetConfig

FIRST_RESIDUAL = "layers.1.layers.0.layers.0.layers.0.weight"
"""A tensor that only `mbf_large` has: only it starts with residual blocks."""


def _wide_config(tensors: StateDict, bn_eps: float) -> BackboneConfig:
    return MobileFaceNetConfig(
        "mbf_large" if FIRST_RESIDUAL in tensors else "mbf",
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
