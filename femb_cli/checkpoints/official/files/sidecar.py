"""What an official checkpoint states beside its tensors: hyper-parameters of the training, settings of the network."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from femb_cli.config.schema import HeaderConfig
from femb_cli.config.section import choices
from femb_cli.errors import FembError

IDENTITIES = ("n_classes", "custom_num_class")
"""The seed's and AdaFace's names for the number of identities; AdaFace has -1 where it counted them itself."""

ADAFACE_PARAMETERS = {"scale": "s", "margin": "m", "h": "h", "t_alpha": "t_alpha"}


@dataclass(frozen=True)
class Training:
    """What Lightning's files state.

    Attributes:
        header: name and parameters of the header under femb's names, or nothing.
        num_identities: identities that the network was trained on, or None.
    """

    header: Mapping[str, Any] = field(default_factory=dict)
    num_identities: int | None = None


def stated_training(content: Any) -> Training:
    """The header and the number of identities among a file's hyper-parameters."""
    given = content.get("hyper_parameters") if isinstance(content, Mapping) else None
    if not isinstance(given, Mapping):
        return Training()
    counts = [given[key] for key in IDENTITIES if isinstance(given.get(key), int) and given[key] > 0]
    return Training(_header(given), counts[0] if counts else None)


def stated_colours(settings: Path | None) -> Literal["RGB", "BGR"] | None:
    """The order of colours that CVLface's model.yaml or config.json states; None if they do not.

    Raises:
        FembError: the file cannot be read, or states something else.
    """
    if settings is None:
        return None
    try:
        text = settings.read_text(encoding="utf-8")
        stated = json.loads(text) if settings.suffix == ".json" else yaml.safe_load(text)
    # PyYAML lets lookups fail in a value that does not fit its tag, as in `!!bool x`.
    except (OSError, ValueError, LookupError, AttributeError, RecursionError, yaml.YAMLError) as error:
        raise FembError(f"{settings} cannot be read: {error!r}"[:500]) from error
    stated = stated.get("conf", stated) if isinstance(stated, Mapping) else {}
    match stated.get("color_space") if isinstance(stated, Mapping) else None:
        case "RGB":
            return "RGB"
        case "BGR":
            return "BGR"
        case None:
            return None
        case str(other):
            raise FembError(f"{settings} states the color_space {other[:50]!r}, which is neither RGB nor BGR")
        case other:
            # Not shown: a few lines of YAML can stand for gigabytes.
            raise FembError(f"{settings} states a color_space of type {type(other).__name__}, not RGB or BGR")


def _header(given: Mapping[str, Any]) -> dict[str, Any]:
    name = given.get("head", given.get("header"))
    if not isinstance(name, str) or name not in choices(HeaderConfig):
        return {}
    parameters = ADAFACE_PARAMETERS if name == "adaface" else {}
    stated = {ours: given.get(theirs) for ours, theirs in parameters.items()}
    return {"name": name} | {ours: value for ours, value in stated.items() if isinstance(value, int | float)}
