"""The description of a family of official weights, by which femb reads and writes its files."""

from dataclasses import dataclass, field

from torch import Tensor

from femb_cli.checkpoints.official.networks.architecture import Architecture
from femb_cli.data.images.preprocess import Preprocessing


@dataclass(frozen=True)
class ClassWeights:
    """Where a family stores its class weights.

    Attributes:
        name: the tensor's name; empty if the file is a bare tensor.
        is_transposed: whether it is (D, C) instead of (C, D): C identities, D the embedding dimension.
    """

    name: str
    is_transposed: bool = False

    def is_at(self, name: str) -> bool:
        """Whether a tensor's name is this one; a name of several parts may have a prefix before it."""
        return name == self.name or ("." in self.name and name.endswith(f".{self.name}"))

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
        prefixes: prefixes of the network's tensor names that only this family's files have; an empty one says nothing.
        likely_prefixes: prefixes that its files have, and files of others, too.
        class_weights: the class weights in the network's file.
        class_weights_beside: the class weights in a separate file.
        ignored: other tensors in its files, which femb does not convert.
        preprocessing: what its networks expect of their images.
        assumed: what femb assumes of its networks, for a remark; empty if the project states it.
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
    likely_prefixes: tuple[str, ...] = ()
    class_weights: tuple[ClassWeights, ...] = ()
    class_weights_beside: tuple[ClassWeights, ...] = ()
    ignored: tuple[str, ...] = ()
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    assumed: str = ""
    has_colour_settings: bool = False
    bn_eps: float = 1e-5
    flip: str = "sum"
    magnitude_is_quality: bool = False

    @property
    def pixels(self) -> str:
        """The conventions that no tensor shows, in a few words: colours, values, and an unusual epsilon."""
        first, *_ = self.preprocessing.mean
        scale, *_ = self.preprocessing.std
        value = "x/255" if (first, scale) == (0.0, 1.0) else f"(x/255 - {first:g})/{scale:.4g}"
        order = "RGB or BGR" if self.has_colour_settings else self.preprocessing.channel_order
        epsilon = f", epsilon {self.bn_eps:g}" if self.bn_eps != 1e-5 else ""
        return f"{order}, {value}{epsilon}"

    @property
    def conventions(self) -> tuple[Preprocessing, bool, float]:
        """What changes the embeddings of the same tensors."""
        return self.preprocessing, self.has_colour_settings, self.bn_eps

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
