"""What femb knows of a family of official weights, for reading and for writing its files."""

from dataclasses import dataclass, field

from torch import Tensor

from femb_cli.checkpoints.official.networks.architecture import Architecture
from femb_cli.data.images.preprocess import Preprocessing


@dataclass(frozen=True)
class ClassWeights:
    """Where a family stores its class weights.

    Attributes:
        name: the tensor's name.
        is_transposed: whether it is (D, C) instead of (C, D): C identities, D the embedding dimension.
    """

    name: str
    is_transposed: bool = False

    def transpose(self, weights: Tensor) -> Tensor:
        """Return the family's tensor as (C, D), or a tensor (C, D) as the family's."""
        return weights.T if self.is_transposed else weights


@dataclass(frozen=True)
class Family:
    """One project's published weights.

    Attributes:
        name: what `femb convert-checkpoint --from` calls it.
        repository: where they are published.
        license: under which terms.
        architectures: its networks.
        prefixes: what stands before the names of the network's tensors, one for each kind of file.
        class_weights: the class weights in the file of the network, under their full names.
        class_weights_beside: the class weights in a file of their own; an empty name if the file is the bare tensor.
        ignored: other tensors that its files hold beside the network's.
        preprocessing: what its networks expect of their images.
        has_colour_settings: whether a settings file beside each network states its order of colours.
        bn_eps: epsilon of the batch norms of its networks.
        flip: its convention for mirror images in verification, `none` or `sum`.
        magnitude_is_quality: whether a longer embedding means a better image.
    """

    name: str
    repository: str
    license: str
    architectures: tuple[Architecture, ...]
    prefixes: tuple[str, ...] = ("",)
    class_weights: tuple[ClassWeights, ...] = ()
    class_weights_beside: tuple[ClassWeights, ...] = ()
    ignored: tuple[str, ...] = ()
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    has_colour_settings: bool = False
    bn_eps: float = 1e-5
    flip: str = "sum"
    magnitude_is_quality: bool = False

    def architecture_of(self, backbone: str) -> Architecture | None:
        """Return the architecture that a backbone of femb is in this family; None if the family does not have it."""
        return next((one for one in self.architectures if backbone in one.backbones), None)

    def bn_eps_of(self, architecture: Architecture) -> float:
        """Return the epsilon of an architecture's batch norms in this family."""
        return self.bn_eps if architecture.bn_eps is None else architecture.bn_eps


@dataclass(frozen=True)
class Layout:
    """How femb writes a family's file: with the first of the family's prefixes and of its class weights.

    Attributes:
        family: whose file it is.
        project: what messages call the project whose program reads the file.
        is_wrapped: whether the tensors are under the key `state_dict`, beside `epoch` and `arch`.
    """

    family: Family
    project: str
    is_wrapped: bool = False
