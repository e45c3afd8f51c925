"""What a file of embeddings says about itself: the network, its input, the mirror images, and the file of its names."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, get_origin, get_type_hints

OPENING = '{"femb_version"'
"""How the text of every description begins."""


@dataclass(frozen=True)
class Description:
    """Where embeddings come from.

    Attributes:
        femb_version: the version that wrote the file.
        model: the network's name.
        weights: checksum of the network's weights and preprocessing, in hexadecimal.
        fingerprint: the network's embedding of a fixed image, as in its card; empty if it has none.
        flip: `sum` if the embeddings of the mirror images are added, else `none`.
        normalised: whether the rows have length 1.
        preprocessing: input size, order of the channels, mean and std of the network's input.
        alignment: how faces were aligned; `as given`: not by femb.
        num_rows: number of embeddings.
        embedding_dim: numbers of an embedding.
        names: XXH3 (128 bits) of the names as text, one a line, in hexadecimal.
        computation: `exact` (float32), or the precision of the fast way. Files of older versions, which knew only the
            exact way, do not have this entry.
        training_data: what the network was trained on, as its card says; empty if that is not known, and in files of
            older versions.
    """

    femb_version: str
    model: str
    weights: str
    fingerprint: str
    flip: str
    normalised: bool
    preprocessing: Mapping[str, Any]
    alignment: str
    num_rows: int
    embedding_dim: int
    names: str
    computation: str = "exact"
    training_data: str = ""

    def to_text(self) -> str:
        """Return the description as JSON."""
        return json.dumps(asdict(self))

    def to_display(self) -> dict[str, str]:
        """Return what to show to a user: no fingerprint (thousands of characters), no checksum of the names."""
        hidden = ("fingerprint", "names")
        return {name: str(value) for name, value in asdict(self).items() if name not in hidden}

    @classmethod
    def from_text(cls, text: str | bytes) -> "Description":
        """Read the text that `to_text` returned; entries that this version does not know are ignored.

        Raises:
            ValueError: the text is damaged.
        """
        values = {"computation": cls.computation, "training_data": cls.training_data, **json.loads(text)}
        try:
            description = cls(**{field.name: values[field.name] for field in fields(cls)})
        except (KeyError, TypeError) as error:
            raise ValueError(f"its description is damaged: {error!r}") from error
        for name, kind in get_type_hints(cls).items():
            if not isinstance(values[name], get_origin(kind) or kind):
                raise ValueError(f"its description is damaged: {name} {values[name]!r}")
        return description


def description_in(text: str | bytes) -> Description | None:
    """Read a text that may be a description; None if it is another program's.

    Raises:
        ValueError: it is a damaged description.
    """
    opening = OPENING.encode() if isinstance(text, bytes) else OPENING
    return Description.from_text(text) if text[: len(OPENING)] == opening else None
