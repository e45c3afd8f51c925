"""What a reader of a family of official weights states."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from femb_cli.config.schema import BackboneConfig
from femb_cli.data.preprocess import Preprocessing

StateDict = Mapping[str, Tensor]


@dataclass(frozen=True)
class Family:
    """One project's published weights.

    Attributes:
        name: what `--from` calls it.
        repository: where they are published.
        license: under which terms.
        training_data: what they were trained on, or an empty text.
        preprocessing: what its networks expect of their images.
        flip: its convention for mirror images, `none` or `sum`.
        unwrap: takes the loaded file and gives the backbone's tensors under femb's names, or None if the file is not
            of this family.
        backbone: the architecture of such tensors.
    """

    name: str
    repository: str
    license: str
    training_data: str
    preprocessing: Preprocessing
    flip: str
    unwrap: Callable[[Any], StateDict | None]
    backbone: Callable[[StateDict], BackboneConfig]


def is_state_dict(content: Any) -> bool:
    """Whether a loaded file is a mapping of names to tensors."""
    return (
        isinstance(content, Mapping) and bool(content) and all(isinstance(value, Tensor) for value in content.values())
    )
