"""The description of a family of official weights, by which femb reads and writes its files."""

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
        """Convert the family's tensor to (C, D), or a tensor (C, D) to the family's layout."""
        return weights.T if self.is_transposed else weights


@dataclass(frozen=True)
class Family:
    """One project's published weights.

    Attributes:
        name: what `femb convert-checkpoint --from` calls it.
        repository: where they are published.
        license: the licence of the weights.
        architectures: the kinds of network that it publishes.
        prefixes: the prefix of the network's tensor names, one for each kind of file.
        class_weights: the class weights in the network's file, under their full names.
        class_weights_beside: the class weights in a separate file; an empty name if the file is a bare tensor.
        ignored: other tensors in its files, which femb does not convert.
        preprocessing: what its networks expect of their images.
        has_colour_settings: whether a settings file beside each network states its colour order.
        bn_eps: epsilon of the batch norms of its networks.
        flip: its convention for mirror images in verification, `none` or `sum`.
        magnitude_is_quality: whether the norm of an embedding measures the image's quality.
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
        """Return this family's architecture for a femb backbone; None if the family does not have the backbone."""
        return next((candidate for candidate in self.architectures if backbone in candidate.backbones), None)

    def bn_eps_of(self, architecture: Architecture) -> float:
        """Return the epsilon of an architecture's batch norms in this family."""
        return self.bn_eps if architecture.bn_eps is None else architecture.bn_eps


@dataclass(frozen=True)
class Layout:
    """How femb writes a family's file: it uses the first of the family's `prefixes` and `class_weights`.

    Attributes:
        family: the family whose files are written.
        project: the name of the project in messages.
        is_wrapped: whether the tensors are under the key `state_dict`, beside `epoch` and `arch`.
    """

    family: Family
    project: str
    is_wrapped: bool = False
