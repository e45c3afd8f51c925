"""The model card: a network's architecture, preprocessing and origin, stored as strings in the safetensors header."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from femb_cli import __version__
from femb_cli.checkpoints.threshold import Threshold, thresholds_from_text, thresholds_to_text
from femb_cli.config.registry import parse_entry
from femb_cli.config.schema import BackboneConfig
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.errors import FembError, UsageError

FORMAT = "femb-checkpoint-1"

LARGEST_INPUT = 2048
"""Pixels. A larger image would take gigabytes of memory before the network sees it."""

QUALITY_HEADERS = ("magface", "adaface")
"""Headers under which the norm of an embedding measures the image's quality."""


@dataclass(frozen=True)
class ModelCard:
    """The settings that a network needs, how it was trained, and where it comes from.

    Attributes:
        backbone: the configuration that the network is built from.
        preprocessing: what the network expects of its images.
        flip: the model's convention for mirror images in verification: `none`, or `sum` of the raw embeddings.
        header: name and parameters of the header that the network was trained with; empty if unknown.
        num_identities: identities in the training set; None if unknown.
        source: where the weights come from: `repository`, `file`, `sha256`, `license`, `training_data` as far as known.
            A run that started from another checkpoint adds `init` and `init_sha256`.
        magnitude_is_quality: whether the norm of an embedding measures the image's quality.
        fingerprint: the network's embedding of a fixed image (see `fingerprint.py`); empty if there is none.
        thresholds: the cosines from which on two images show one person, the highest FMR first.
    """

    backbone: BackboneConfig
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    flip: str = "sum"
    header: Mapping[str, Any] = field(default_factory=dict)
    num_identities: int | None = None
    source: Mapping[str, str] = field(default_factory=dict)
    magnitude_is_quality: bool = False
    fingerprint: str = ""
    thresholds: tuple[Threshold, ...] = ()

    def with_source(self, **entries: str) -> "ModelCard":
        """Return a copy with these entries added to `source`."""
        return replace(self, source={**self.source, **entries})

    def with_thresholds(self, *thresholds: Threshold) -> "ModelCard":
        """Return a copy with these thresholds, which replace those of the same FMR."""
        by_fmr = {threshold.fmr: threshold for threshold in (*self.thresholds, *thresholds)}
        return replace(self, thresholds=tuple(by_fmr[fmr] for fmr in sorted(by_fmr, reverse=True)))

    def to_display(self) -> dict[str, str]:
        """Return the metadata to show to a user, without fingerprint and thresholds (thousands of characters)."""
        return {name: text for name, text in self.to_metadata().items() if name not in ("fingerprint", "thresholds")}

    def to_metadata(self) -> dict[str, str]:
        """Return the card as safetensors metadata: strings only, with structured values as JSON.

        A card without thresholds has no entry for them, so that files are the same as those of an older femb.
        """
        backbone = asdict(self.backbone)
        thresholds = {"thresholds": thresholds_to_text(self.thresholds)} if self.thresholds else {}
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
            **thresholds,
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], where: str) -> "ModelCard":
        """Build a card from the metadata that `to_metadata` returned.

        Args:
            metadata: the strings in the file's header.
            where: the file's name, for error messages.

        Raises:
            FembError: an entry is missing or invalid.
        """
        if metadata.get("format") != FORMAT:
            raise FembError(
                f"{where} is not a femb checkpoint (its metadata has no format {FORMAT!r})",
                hint="femb convert-checkpoint converts official weights to one",
            )
        try:
            return _parse(metadata)
        except UsageError as error:
            raise FembError(f"{where} has damaged metadata: {error.message[:500]}") from error
        except (KeyError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise FembError(f"{where} has damaged metadata: {error!r}"[:500]) from error


def _parse(metadata: Mapping[str, str]) -> ModelCard:
    if metadata["flip"] not in ("none", "sum"):
        raise ValueError(f"flip {metadata['flip']!r}")
    # Older checkpoints have no magnitude_is_quality, no fingerprint and no thresholds.
    if (magnitude := metadata.get("magnitude_is_quality", "false")) not in ("false", "true"):
        raise ValueError(f"magnitude_is_quality {magnitude!r}")
    backbone = parse_entry(json.loads(metadata["backbone"]), BackboneConfig, "backbone")
    preprocessing = _parse_preprocessing(metadata)
    if backbone.input_size > LARGEST_INPUT:
        raise ValueError(f"input_size {backbone.input_size}, above {LARGEST_INPUT}")
    if preprocessing.input_size != backbone.input_size:
        raise ValueError(f"input_size {preprocessing.input_size} for a backbone of {backbone.input_size}")
    return ModelCard(
        backbone=backbone,
        preprocessing=preprocessing,
        flip=metadata["flip"],
        header=_parse_json(metadata, "header", dict),
        num_identities=_parse_json(metadata, "num_identities", int | None),
        source=_parse_json(metadata, "source", dict),
        magnitude_is_quality=magnitude == "true",
        fingerprint=metadata.get("fingerprint", ""),
        thresholds=thresholds_from_text(metadata.get("thresholds", "[]")),
    )


def _parse_preprocessing(metadata: Mapping[str, str]) -> Preprocessing:
    if metadata["channel_order"] not in ("RGB", "BGR"):
        raise ValueError(f"channel_order {metadata['channel_order']!r}")
    mean, std = _parse_three_numbers(metadata, "mean"), _parse_three_numbers(metadata, "std")
    if not all(value > 0 for value in std):
        raise ValueError(f"std {metadata['std']}")
    return Preprocessing(
        input_size=int(metadata["input_size"]),
        channel_order="BGR" if metadata["channel_order"] == "BGR" else "RGB",
        mean=mean,
        std=std,
    )


def _parse_three_numbers(metadata: Mapping[str, str], key: str) -> tuple[float, float, float]:
    values = _parse_json(metadata, key, list)
    if len(values) != 3 or not all(isinstance(value, int | float) and math.isfinite(value) for value in values):
        raise ValueError(f"{key} {metadata[key]}")
    return values[0], values[1], values[2]


def _parse_json(metadata: Mapping[str, str], key: str, kind: Any) -> Any:
    value = json.loads(metadata[key])
    if not isinstance(value, kind):
        raise ValueError(f"{key} {metadata[key][:100]}")
    return value
