"""What a checkpoint says about its network, kept as text in the safetensors file's header."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from femb_cli import __version__
from femb_cli.config.registry import parse_entry
from femb_cli.config.schema import BackboneConfig
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.errors import FembError, UsageError

FORMAT = "femb-checkpoint-1"

LARGEST_INPUT = 2048
"""Pixels; a larger image would take gigabytes before the network is even asked."""

QUALITY_HEADERS = ("magface", "adaface")
"""Headers under which a longer embedding means a better image."""


@dataclass(frozen=True)
class ModelCard:
    """Everything that is needed to use a network, and where it came from.

    Attributes:
        backbone: how to build the network.
        preprocessing: what it expects of its images.
        flip: how verification treats mirror images by the model's own convention: `none` or `sum` (of raw embeddings).
        header: name and parameters of the header that it was trained with, or nothing.
        num_identities: identities that it was trained on, or None if unknown.
        source: where it came from: `repository`, `file`, `sha256`, `license`, `training_data` as far as known; of a run
            that started from another checkpoint, `init` and `init_sha256`, too.
        magnitude_is_quality: whether a longer embedding means a better image, as the header made it.
        fingerprint: what the network answers for a fixed image (see `fingerprint.py`), or an empty text.
    """

    backbone: BackboneConfig
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    flip: str = "sum"
    header: Mapping[str, Any] = field(default_factory=dict)
    num_identities: int | None = None
    source: Mapping[str, str] = field(default_factory=dict)
    magnitude_is_quality: bool = False
    fingerprint: str = ""

    def to_facts(self) -> dict[str, str]:
        """What people read: the metadata without the fingerprint's thousands of letters."""
        return {name: text for name, text in self.to_metadata().items() if name != "fingerprint"}

    def to_metadata(self) -> dict[str, str]:
        """As safetensors metadata: texts only, structured values as JSON."""
        backbone = asdict(self.backbone)
        return {
            "format": FORMAT,
            "femb_version": __version__,
            "backbone": json.dumps(backbone),
            "embedding_dim": str(backbone["embedding_dim"]),
            "bn_eps": str(backbone["bn_eps"]),
            "input_size": str(self.preprocessing.input_size),
            "channel_order": self.preprocessing.channel_order,
            "mean": json.dumps(self.preprocessing.mean),
            "std": json.dumps(self.preprocessing.std),
            "flip": self.flip,
            "header": json.dumps(dict(self.header)),
            "num_identities": json.dumps(self.num_identities),
            "source": json.dumps(dict(self.source)),
            "magnitude_is_quality": json.dumps(self.magnitude_is_quality),
            "fingerprint": self.fingerprint,
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], where: str) -> "ModelCard":
        """Read `to_metadata`'s texts back.

        Raises:
            FembError: a text is missing or makes no sense; `where` names the file.
        """
        if metadata.get("format") != FORMAT:
            raise FembError(
                f"{where} is not a femb checkpoint (its metadata has no format {FORMAT!r})",
                hint="femb convert-checkpoint turns official weights into one",
            )
        try:
            if metadata["flip"] not in ("none", "sum"):
                raise ValueError(f"flip {metadata['flip']!r}")
            if (magnitude := metadata.get("magnitude_is_quality", "false")) not in ("false", "true"):
                raise ValueError(f"magnitude_is_quality {magnitude!r}")
            backbone = parse_entry(json.loads(metadata["backbone"]), BackboneConfig, "backbone")
            preprocessing = _preprocessing(metadata)
            if backbone.input_size > LARGEST_INPUT:
                raise ValueError(f"input_size {backbone.input_size}, above {LARGEST_INPUT}")
            if preprocessing.input_size != backbone.input_size:
                raise ValueError(f"input_size {preprocessing.input_size} for a backbone of {backbone.input_size}")
            return cls(
                backbone=backbone,
                preprocessing=preprocessing,
                flip=metadata["flip"],
                header=_value(metadata, "header", dict),
                num_identities=_value(metadata, "num_identities", int | None),
                source=_value(metadata, "source", dict),
                magnitude_is_quality=magnitude == "true",
                fingerprint=metadata.get("fingerprint", ""),
            )
        except UsageError as error:
            raise FembError(f"{where} has damaged metadata: {error.message[:500]}") from error
        except (KeyError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise FembError(f"{where} has damaged metadata: {error!r}"[:500]) from error

    def with_source(self, **facts: str) -> "ModelCard":
        """The same card with facts about its source added."""
        return replace(self, source={**self.source, **facts})


def _preprocessing(metadata: Mapping[str, str]) -> Preprocessing:
    if metadata["channel_order"] not in ("RGB", "BGR"):
        raise ValueError(f"channel_order {metadata['channel_order']!r}")
    mean, std = _three_numbers(metadata, "mean"), _three_numbers(metadata, "std")
    if not all(value > 0 for value in std):
        raise ValueError(f"std {metadata['std']}")
    return Preprocessing(
        input_size=int(metadata["input_size"]),
        channel_order="BGR" if metadata["channel_order"] == "BGR" else "RGB",
        mean=mean,
        std=std,
    )


def _three_numbers(metadata: Mapping[str, str], key: str) -> tuple[float, float, float]:
    values = _value(metadata, key, list)
    if len(values) != 3 or not all(isinstance(value, int | float) and math.isfinite(value) for value in values):
        raise ValueError(f"{key} {metadata[key]}")
    return values[0], values[1], values[2]


def _value(metadata: Mapping[str, str], key: str, kind: Any) -> Any:
    value = json.loads(metadata[key])
    if not isinstance(value, kind):
        raise ValueError(f"{key} {metadata[key][:100]}")
    return value
