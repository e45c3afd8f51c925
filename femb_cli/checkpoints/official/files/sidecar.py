"""Read an official checkpoint's settings: the training's hyper-parameters and the network's colour order."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from femb_cli.config.plain_yaml import read_plain
from femb_cli.config.schema import HeaderConfig
from femb_cli.config.section import choices
from femb_cli.errors import FembError

IDENTITIES = ("n_classes", "custom_num_class")
"""Names of the number of identities in files of the families seed and adaface; AdaFace writes -1 if it is unset."""

ADAFACE_PARAMETERS = {"scale": "s", "margin": "m", "h": "h", "t_alpha": "t_alpha"}


@dataclass(frozen=True)
class SidecarSettings:
    """The settings among the hyper-parameters of a Lightning checkpoint.

    Attributes:
        header: name and parameters of the header under femb's names; empty if there is none.
        num_identities: identities that the network was trained on; None if unknown.
    """

    header: Mapping[str, Any] = field(default_factory=dict)
    num_identities: int | None = None


def read_settings(content: Any) -> SidecarSettings:
    """Read the header and the number of identities from a file's hyper-parameters."""
    given = content.get("hyper_parameters") if isinstance(content, Mapping) else None
    if not isinstance(given, Mapping):
        return SidecarSettings()
    counts = [given[key] for key in IDENTITIES if isinstance(given.get(key), int) and given[key] > 0]
    return SidecarSettings(_read_header(given), counts[0] if counts else None)


def read_channel_order(settings: Path | None) -> Literal["RGB", "BGR"] | None:
    """Read the colour order from CVLface's model.yaml or config.json; None if it has none.

    Raises:
        FembError: the file cannot be read, or its colour order is neither RGB nor BGR.
    """
    if settings is None:
        return None
    try:
        text = settings.read_text(encoding="utf-8")
        content = json.loads(text) if settings.suffix == ".json" else read_plain(text)
    except (OSError, ValueError, RecursionError) as error:
        raise FembError(f"{settings} cannot be read: {error!r}"[:500]) from error
    content = content.get("conf", content) if isinstance(content, Mapping) else {}
    match content.get("color_space") if isinstance(content, Mapping) else None:
        case "RGB":
            return "RGB"
        case "BGR":
            return "BGR"
        case None:
            return None
        case str(other):
            raise FembError(f"{settings} has the color_space {other[:50]!r}, which is neither RGB nor BGR")
        case other:
            # The value itself is not shown: with YAML's aliases a few lines can expand to gigabytes.
            raise FembError(f"{settings} has a color_space of type {type(other).__name__}, not RGB or BGR")


def _read_header(given: Mapping[str, Any]) -> dict[str, Any]:
    name = given.get("head", given.get("header"))
    if not isinstance(name, str) or name not in choices(HeaderConfig):
        return {}
    parameters = ADAFACE_PARAMETERS if name == "adaface" else {}
    values = {ours: given.get(theirs) for ours, theirs in parameters.items()}
    return {"name": name} | {ours: value for ours, value in values.items() if isinstance(value, int | float)}
