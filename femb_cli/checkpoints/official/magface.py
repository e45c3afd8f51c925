"""MagFace: IResNet on BGR pixels in [0, 1], wrapped by its training program.

Source: https://github.com/IrvingMeng/MagFace, `magface_epoch_00025.pth` and others.
"""

from typing import Any

from femb_cli.checkpoints.official.family import Family, StateDict, is_state_dict
from femb_cli.checkpoints.official.iresnet import iresnet_config, is_iresnet
from femb_cli.data.preprocess import Preprocessing

PREFIXES = ("features.module.", "module.features.")
"""Of distributed and of data-parallel training; cut once, at the front: the last layer is itself `features`."""


def _unwrap(content: Any) -> StateDict | None:
    if not isinstance(content, dict) or not is_state_dict(content.get("state_dict")):
        return None
    for prefix in PREFIXES:
        wrapped = content["state_dict"].items()
        tensors = {name.removeprefix(prefix): tensor for name, tensor in wrapped if name.startswith(prefix)}
        if is_iresnet(tensors):
            return tensors
    return None


MAGFACE = Family(
    name="magface",
    repository="https://github.com/IrvingMeng/MagFace",
    license="see the repository",
    training_data="",
    preprocessing=Preprocessing(channel_order="BGR", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)),
    flip="none",
    unwrap=_unwrap,
    backbone=lambda tensors: iresnet_config(tensors, bn_eps=2e-5),
)
