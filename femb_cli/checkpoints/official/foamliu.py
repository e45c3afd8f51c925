"""foamliu/MobileFaceNet: the paper's network, trained on RGB with ImageNet's mean and deviation.

Source: https://github.com/foamliu/MobileFaceNet, `mobilefacenet.pt` (a plain state dict).
"""

from typing import Any

from femb_cli.checkpoints.official.family import Family, StateDict, is_state_dict
from femb_cli.config.schema import BackboneConfig, MobileFaceNetConfig
from femb_cli.data.preprocess import Preprocessing


def _unwrap(content: Any) -> StateDict | None:
    belongs = is_state_dict(content) and "gdconv.depthwise.weight" in content and "conv3.bias" in content
    return content if belongs else None


def _backbone(tensors: StateDict) -> BackboneConfig:
    pooled = tensors["gdconv.depthwise.weight"].shape[-1]
    return MobileFaceNetConfig("mobilefacenet", embedding_dim=len(tensors["conv3.bias"]), input_size=16 * pooled)


FOAMLIU = Family(
    name="foamliu",
    repository="https://github.com/foamliu/MobileFaceNet",
    license="Apache-2.0",
    training_data="",
    preprocessing=Preprocessing(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    flip="sum",
    unwrap=_unwrap,
    backbone=_backbone,
)
