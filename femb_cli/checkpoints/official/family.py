"""What femb states about a family of official weights."""

from dataclasses import dataclass, field

from femb_cli.checkpoints.official.networks.architecture import Architecture
from femb_cli.data.images.preprocess import Preprocessing


@dataclass(frozen=True)
class ClassWeights:
    """Where a family stores its class weights.

    Attributes:
        name: the tensor's name.
        is_transposed: whether it is (D, C), as many of the embedding's numbers by as many identities, not (C, D).
    """

    name: str
    is_transposed: bool = False


@dataclass(frozen=True)
class Family:
    """One project's published weights.

    Attributes:
        name: what `--from` calls it.
        repository: where they are published.
        license: under which terms.
        architectures: its networks.
        prefixes: what stands before the names of the network's tensors, one per kind of file.
        class_weights: those in the file of the network, under their full names.
        class_weights_beside: those in a file of their own; an empty name for a file that is the bare tensor.
        ignored: other tensors that its files hold beside the network's.
        preprocessing: what its networks expect of their images.
        bn_eps: epsilon of their batch norms.
        flip: its convention for mirror images, `none` or `sum`.
        magnitude_is_quality: whether it takes an embedding's magnitude for the image's quality.
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
    bn_eps: float = 1e-5
    flip: str = "sum"
    magnitude_is_quality: bool = False
