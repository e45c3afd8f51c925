"""What femb must know of a network that official files hold: how to recognise it and how to build it."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from femb_cli.checkpoints.official.files.state_dict import StateDict
from femb_cli.config.schema import BackboneConfig


@dataclass(frozen=True)
class Architecture:
    """A network under the names of its official files.

    Attributes:
        title: what messages call it.
        marker: the name of a tensor that only this network has.
        config: how to build tensors of femb's names, with the given epsilon of batch norms.
        rename: gives official tensors femb's names; the epsilon as above. None where the names are the same.
        folds_colours: whether a BGR network is turned into an RGB one. Those that can be exported under the official
            names again keep their first layer as it is.
    """

    title: str
    marker: str
    config: Callable[[StateDict, float], BackboneConfig]
    rename: Callable[[StateDict, float], dict[str, Tensor]] | None = None
    folds_colours: bool = False
