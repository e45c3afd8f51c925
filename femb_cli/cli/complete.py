"""What a shell completes: the values of options and arguments, without loading anything that takes long.

Options have one meaning in all commands, so a table says what completes each of them.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from dataclasses import Field

WEIGHTS = (".onnx", ".safetensors")
FAMILIES = (
    *("CurricularFace", "FaceX-Zoo", "InsightFace_Pytorch", "TopoFR", "TransFace", "adaface", "arcface_torch"),
    *(
        "cvlface",
        "elasticface",
        "face.evoLVe",
        "foamliu",
        "insightface",
        "insightface_mxnet",
        "magface",
        "seed",
        "tface",
    ),
)
PUBLISHED = (
    *("cvlface_adaface_ir101_ms1mv2", "cvlface_adaface_ir101_ms1mv3", "cvlface_adaface_ir101_webface12m"),
    *("cvlface_adaface_ir101_webface4m", "cvlface_adaface_ir18_casia", "cvlface_adaface_ir18_vgg2"),
    *("cvlface_adaface_ir18_webface4m", "cvlface_adaface_ir50_casia", "cvlface_adaface_ir50_ms1mv2"),
    *("cvlface_adaface_ir50_webface4m", "cvlface_arcface_ir101_webface4m", "mobilefacenet_foamliu"),
)
"""Families of official weights, and published networks that femb can fetch: their modules load torch."""


def configs(incomplete: str) -> list[str]:
    """Return the configurations that ship with femb, and those beside the text."""
    from femb_cli.config.shipped import shipped_configs

    files = (text for text, path in _entries(incomplete) if path.suffix in (".yaml", ".yml"))
    return _beginning(incomplete, [*shipped_configs(), *files])


def runs(incomplete: str) -> list[str]:
    """Return the runs, found as by `femb_cli.checkpoints.runs`, which takes too long to load."""
    folder = Path(os.environ.get("FEMB_RUNS_DIR") or "runs")
    return _beginning(incomplete, sorted(str(path.parent) for path in folder.glob("[!.]*/config.yaml")))


def models(incomplete: str) -> list[str]:
    """Return the runs, and the checkpoints and model files beside the text; behind the name of `NAME=PATH`, too."""
    found = [*dict.fromkeys([*runs(incomplete), *(text for text, path in _entries(incomplete) if _may_lead(path))])]
    name, equals, path = incomplete.partition("=")
    return found or ([f"{name}={each}" for each in models(path)] if equals else [])


def official_weights(incomplete: str) -> list[str]:
    """Return the published networks that femb can fetch, and the files and folders beside the text."""
    return [*_beginning(incomplete, PUBLISHED), *(text for text, _ in _entries(incomplete))]


def families(incomplete: str) -> list[str]:
    """Return the families of official weights."""
    return _beginning(incomplete, FAMILIES)


def detectors(incomplete: str) -> list[str]:
    """Return the detectors, and the ONNX files beside the text."""
    from femb_cli.config.detectors import DETECTORS

    files = (text for text, path in _entries(incomplete) if path.is_dir() or path.suffix == ".onnx")
    return [*_beginning(incomplete, DETECTORS), *(files if incomplete else ())]


def benchmarks(incomplete: str) -> list[str]:
    """Return the benchmarks that femb knows, or else the files and folders beside the text."""
    from femb_cli.evaluation.verification.benchmarks import BENCHMARKS

    return _beginning(incomplete, BENCHMARKS) or [text for text, _ in _entries(incomplete)]


def headers(incomplete: str) -> list[str]:
    """Return the headers."""
    from femb_cli.config.schema import HeaderConfig
    from femb_cli.config.section import choices

    return _beginning(incomplete, choices(HeaderConfig))


def backbones(incomplete: str) -> list[str]:
    """Return the backbones."""
    from femb_cli.config.schema import BackboneConfig
    from femb_cli.config.section import choices

    return _beginning(incomplete, choices(BackboneConfig))


def precisions(incomplete: str) -> list[str]:
    """Return the precisions of a training."""
    from femb_cli.config.schema import TrainConfig

    return _beginning(incomplete, get_args(get_type_hints(TrainConfig)["precision"]))


def devices(incomplete: str) -> list[str]:
    """Return the kinds of devices, and the numbers of this machine's NVIDIA GPUs."""
    gpus = Path("/proc/driver/nvidia/gpus")
    number = len(os.listdir(gpus)) if gpus.is_dir() else 0  # noqa: PTH208 - only their number counts
    return _beginning(incomplete, ["cpu", "cuda", "mps", *map(str, range(number))])


def settings(incomplete: str) -> list[str]:
    """Return the keys of `--set` that begin with the text, each with its sign; of a single one its values, too."""
    key, equals, _ = incomplete.partition("=")
    found = {name: kinds for name, kinds in _settings() if (name == key if equals else name.startswith(key))}
    keys = [f"{name}=" for name in found]
    if len(found) == 1:
        ((name, kinds),) = found.items()
        keys += [f"{name}={value}" for value in dict.fromkeys(value for kind in kinds for value in _values(*kind))]
    return _beginning(incomplete, keys[1:] if equals else keys)


Completer = Callable[[str], list[str]]
"""Takes the beginning of a value, and returns the values that begin so."""

OF_OPTION: dict[str, Completer] = {
    "--backbone": backbones,
    "--config": configs,
    "--dataset": benchmarks,
    "--detector": detectors,
    "--device": devices,
    "--from": families,
    "--header": headers,
    "--init": models,
    "--model": models,
    "-m": models,
    "--precision": precisions,
    "--resume": runs,
    "--set": settings,
}
OF_ARGUMENT: dict[str, Completer] = {
    "config": configs,
    "convert-checkpoint": official_weights,
    "export": models,
    "report": runs,
    "train": configs,
}
"""Commands whose first argument is completed."""


def _beginning(incomplete: str, values: Iterable[str]) -> list[str]:
    return [value for value in values if value.startswith(incomplete)]


def _entries(incomplete: str) -> Iterator[tuple[str, Path]]:
    """Yield the files and folders whose paths begin with a text: as the text goes on, and as a path."""
    folder, slash, start = incomplete.rpartition("/")
    try:
        entries = sorted(Path(folder + slash or ".").iterdir())
    except OSError:
        return
    for path in entries:
        if path.name.startswith(start) and (start or not path.name.startswith(".")):
            yield f"{folder}{slash}{path.name}{'/' if path.is_dir() else ''}", path


def _may_lead(path: Path) -> bool:
    """Whether a path is a model, or a folder in which one may be."""
    return path.is_dir() or path.suffix in WEIGHTS


def _settings() -> Iterator[tuple[str, list[tuple[Any, "Field[Any]"]]]]:
    """Yield every key of a configuration with its types, one for each dataclass that has it."""
    from dataclasses import is_dataclass

    from femb_cli.config.schema import TrainConfig
    from femb_cli.config.section import choices, is_by_name

    for item, kind in _fields_of(TrainConfig):
        yield item.name, [(kind, item)]
        entries = dict.fromkeys(choices(kind).values()) if is_by_name(kind) else [kind] if is_dataclass(kind) else []
        below: dict[str, list[tuple[Any, Field[Any]]]] = {}
        for entry in entries:
            for field, field_kind in _fields_of(entry):
                below.setdefault(field.name, []).append((field_kind, field))
        below.pop("name", None)  # the key of the section names the entry
        yield from ((f"{item.name}.{name}", kinds) for name, kinds in below.items())


def _fields_of(section: Any) -> Iterator[tuple["Field[Any]", Any]]:
    from dataclasses import fields

    hints = get_type_hints(section, include_extras=True)
    return ((item, hints[item.name]) for item in fields(section))


def _values(kind: Any, item: "Field[Any]") -> list[str]:
    """Return values of a setting: all of a choice, or else its default."""
    from dataclasses import MISSING

    from femb_cli.config.section import choices, is_by_name

    if is_by_name(kind):
        return list(choices(kind))
    if kind is bool:
        return ["true", "false"]
    if get_origin(kind) is Literal:
        return [str(value) for value in get_args(kind)]
    if get_origin(kind) is tuple:
        return [f"[{value}]" for value in _values(get_args(kind)[0], item)] if get_args(kind)[1:] == (...,) else []
    of_kinds = (member for member in get_args(kind) if member is bool or get_origin(member) is Literal)
    values = [value for member in of_kinds for value in _values(member, item)]
    default = item.default
    if default is MISSING or default == "" or isinstance(default, tuple):
        return values
    return [*values, "null" if default is None else str(default)]
