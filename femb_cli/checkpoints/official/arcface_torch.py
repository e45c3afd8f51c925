"""arcface_torch: IResNet and its MobileFaceNets, as plain state dicts.

Source: https://github.com/deepinsight/insightface (recognition/arcface_torch), `backbone.pth`, `model.pt`.
"""

from typing import Any

from femb_cli.checkpoints.official.family import Family, StateDict, is_state_dict
from femb_cli.checkpoints.official.iresnet import iresnet_config, is_iresnet
from femb_cli.config.schema import BackboneConfig, MobileFaceNetConfig
from femb_cli.data.preprocess import Preprocessing

FIRST_RESIDUAL = "layers.1.layers.0.layers.0.layers.0.weight"
"""Only the large MobileFaceNet starts with residual blocks."""


def _unwrap(content: Any) -> StateDict | None:
    belongs = is_state_dict(content) and (is_iresnet(content) or "conv_sep.layers.0.weight" in content)
    return content if belongs else None


def _backbone(tensors: StateDict) -> BackboneConfig:
    if is_iresnet(tensors):
        return iresnet_config(tensors, bn_eps=1e-5)
    pooled = tensors["features.layers.0.layers.0.weight"].shape[-1]
    embedding_dim = tensors["features.layers.2.weight"].shape[0]
    name = "mbf_large" if FIRST_RESIDUAL in tensors else "mbf"
    return MobileFaceNetConfig(name, embedding_dim=embedding_dim, input_size=16 * pooled)  # type: ignore[arg-type]


ARCFACE = Family(
    name="arcface",
    repository="https://github.com/deepinsight/insightface",
    license="non-commercial research",
    training_data="",
    preprocessing=Preprocessing(),
    flip="sum",
    unwrap=_unwrap,
    backbone=_backbone,
)
