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
        first_layer: under femb's name, the convolution whose input channels femb reverses to turn a BGR network into an
            RGB one; empty for networks that femb can export under their official names, which stay as they are.
        fits: whether tensors with the marker are this network, where only shapes tell.
        usual_family: the family that femb assumes, with a remark, if several have such networks and nothing else says
            which; empty if femb asks.
    """

    title: str
    marker: str
    backbones: tuple[str, ...]
    config: Callable[[StateDict, float], BackboneConfig]
    rename: Callable[[StateDict, float], dict[str, Tensor]] | None = None
    bn_eps: float | None = None
    first_layer: str = ""
    fits: Callable[[StateDict], bool] = lambda _: True
    usual_family: str = ""

    @property
    def with_article(self) -> str:
        """The title after `a` or `an`."""
        return f"{'an' if self.title.startswith('I') else 'a'} {self.title}"
