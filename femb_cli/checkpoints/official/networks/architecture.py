"""The description of a kind of network in official files: how to recognise it and how to build it."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from femb_cli.checkpoints.official.files.state_dict import StateDict
from femb_cli.config.schema import BackboneConfig


@dataclass(frozen=True)
class Architecture:
    """A kind of network, with the tensor names of its official files.

    Attributes:
        title: its name in messages.
        marker: the name of a tensor that only this network has.
        backbones: the names of the femb backbones that it can be.
        config: derives the backbone's configuration from tensors with femb's names and the epsilon of the batch norms.
        rename: gives official tensors femb's names, also with the epsilon; None if the names are the same.
        bn_eps: epsilon of its batch norms in every family; None: `Family.bn_eps`.
        folds_colours: whether femb turns a BGR network into an RGB one by reversing its first layer. Networks that
            femb can export under their official names keep their first layer.
    """

    title: str
    marker: str
    backbones: tuple[str, ...]
    config: Callable[[StateDict, float], BackboneConfig]
    rename: Callable[[StateDict, float], dict[str, Tensor]] | None = None
    bn_eps: float | None = None
    folds_colours: bool = False
