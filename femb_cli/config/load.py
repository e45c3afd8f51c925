"""From YAML and command-line settings to a checked, frozen configuration.

Precedence: settings (`--set` and the flags) over the file over the schema's defaults.
"""

import difflib
import math
import re
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, asdict, fields, is_dataclass
from importlib import import_module, resources
from pathlib import Path
from typing import Any, TypeVar

from femb_cli.config.schema import TrainConfig
from femb_cli.errors import UsageError

Section = TypeVar("Section")


def load_config(
    file: str | Path | None, settings: Sequence[str] = (), overrides: Mapping[str, Any] | None = None
) -> TrainConfig:
    """Read a training configuration.

    Args:
        file: a YAML file, or the name of one that ships with femb (`quickstart`); None for the defaults alone.
        settings: `key.path=value` texts; the value is read as YAML.
        overrides: further values by key path, applied before the settings.

    Raises:
        UsageError: the file or a key is unknown, or a value does not fit.
    """
    tree = read_yaml(config_path(file)) if file is not None else {}
    changes = [*(overrides or {}).items(), *map(parse_setting, settings)]
    # Sections before their values: `optimizer=adamw` starts from that optimizer's defaults, whatever the order.
    for key, value in sorted(changes, key=lambda change: change[0].count(".")):
        assign(tree, key, value)
    return parse(tree, TrainConfig)


def dump_config(config: TrainConfig) -> str:
    """The whole configuration as YAML that `load_config` reads back to an equal one."""
    import yaml

    return yaml.safe_dump(to_tree(config), sort_keys=False)


def to_tree(config: TrainConfig) -> dict[str, Any]:
    """The whole configuration as plain mappings, lists and values."""
    return _plain(asdict(config))


def shipped_configs() -> dict[str, Path]:
    """The configurations that come with femb: name to file."""
    installed = Path(str(resources.files("femb_cli"))) / "configs"
    folder = installed if installed.is_dir() else Path(__file__).parents[2] / "configs"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def config_path(file: str | Path) -> Path:
    """The file that a CONFIG argument means: a path, or the name of a shipped configuration."""
    shipped = shipped_configs()
    if str(file) in shipped:
        return shipped[str(file)]
    if Path(file).is_file():
        return Path(file)
    raise UsageError(
        f"no configuration {str(file)!r}: neither a file nor one of {', '.join(shipped)}",
        hint=_suggestion(str(file), shipped) or "femb list configs shows what ships with femb",
    )


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file (safe loading: no tags, no code)."""
    import yaml

    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError) as error:
        raise UsageError(f"{path} is not valid YAML: {error}") from error
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise UsageError(f"{path} holds a {type(tree).__name__}, not a mapping of settings")
    return tree


def parse_setting(setting: str) -> tuple[str, Any]:
    """Split `key.path=value` and read the value as YAML (`1e-3` is a number, `[a, b]` a list)."""
    import yaml

    key, separator, text = setting.partition("=")
    if not separator or not key:
        raise UsageError(
            f"cannot read the setting {setting!r}",
            hint="write --set key.path=value, for example --set optimizer.lr=0.1",
        )
    try:
        return key, yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        raise UsageError(f"cannot read the value of --set {setting}: {error}") from error


def assign(tree: dict[str, Any], key: str, value: Any) -> None:
    """Set `tree[a][b] = value` for the key `a.b`. Naming another header, backbone ... starts from its defaults."""
    *parents, leaf = key.split(".")
    for parent in parents:
        below = tree.setdefault(parent, {})
        if isinstance(below, str):
            below = tree[parent] = {"name": below}
        if not isinstance(below, dict):
            raise UsageError(f"cannot set {key}: {parent} is a value, not a section")
        tree = below
    current = tree.get(leaf)
    if isinstance(value, str) and isinstance(current, dict) and current.get("name") == value:
        return
    tree[leaf] = value
    # A run has one length: the later choice of the two wins.
    if not parents and leaf in ("steps", "epochs") and value is not None:
        tree["epochs" if leaf == "steps" else "steps"] = None


def parse(tree: Any, schema: type[Section], where: str = "") -> Section:
    """Check a tree of plain values against a dataclass and build it, naming the key in every complaint."""
    if not isinstance(tree, dict):
        raise UsageError(f"{where or 'the configuration'} must be a mapping, not {tree!r}")
    known = {item.name: item for item in fields(schema)}  # type: ignore[arg-type]
    hints = typing.get_type_hints(schema, include_extras=True)
    for key in tree:
        if key not in known:
            path = _join(where, str(key))
            raise UsageError(
                f"unknown setting {path!r}",
                hint=_suggestion(str(key), known, where) or f"known here: {', '.join(known)}",
            )
    values = {key: _parse_value(value, hints[key], _join(where, key)) for key, value in tree.items()}
    if schema is TrainConfig:
        _check_length(tree, values)
    return schema(**values)


def choices(union: Any) -> dict[str, type]:
    """The entries of a config union: every name to its dataclass."""
    members = typing.get_args(union) or (union,)
    return {name: member for member in members for name in typing.get_args(typing.get_type_hints(member)["name"])}


def make(union: Any, name: str, **parameters: Any) -> Any:
    """Build one entry of a config union from its name and keyword parameters, checked like a file."""
    return parse_entry({"name": name, **parameters}, union)


def parse_entry(tree: Mapping[str, Any], union: Any, where: str = "") -> Any:
    """Build one entry of a config union from plain values with a `name`."""
    return _parse_value(dict(tree), union, where)


def build(entry: Any, *arguments: Any) -> Any:
    """Build what a config entry stands for: call its `implementation` with the arguments and the entry's values.

    The entry's name is passed on only where several names share the dataclass.
    """
    module, _, attribute = entry.implementation.partition(":")
    values = {item.name: getattr(entry, item.name) for item in fields(entry)}
    if len(_names(type(entry))) == 1:
        del values["name"]
    return getattr(import_module(module), attribute)(*arguments, **values)


def _parse_value(value: Any, annotation: Any, where: str) -> Any:
    members: list[Any] = [member for member in _members(annotation) if is_dataclass(member)]
    if not members:
        return _check_leaf(value, annotation, where)
    entries = {name: member for member in members for name in _names(member)}
    if not entries:
        return parse(value, members[0], where)
    tree = {"name": value} if isinstance(value, str) else dict(value) if isinstance(value, dict) else value
    if not isinstance(tree, dict):
        raise UsageError(f"{where} must be a name or a mapping, not {value!r}")
    name = tree.setdefault("name", members[0]().name)
    if not isinstance(name, str) or name not in entries:
        known = ", ".join(entries)
        raise UsageError(
            f"unknown {where or 'entry'} {name!r}: known are {known}", hint=_suggestion(str(name), entries)
        )
    return parse(tree, entries[name], where)


def _check_leaf(value: Any, annotation: Any, where: str) -> Any:
    from pydantic import TypeAdapter, ValidationError

    adapter = TypeAdapter(annotation)
    value = tuple(value) if isinstance(value, list) else value
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError(f"{where} = {value}: input should be a finite number")
    try:
        return adapter.validate_python(value, strict=True)
    except ValidationError as error:
        if (number := _number(value)) is not value:
            return _check_leaf(number, annotation, where)
        reason = error.errors()[0]["msg"].lower()
        raise UsageError(f"{where} = {value!r}: {reason}") from error


def _check_length(tree: Mapping[str, Any], values: dict[str, Any]) -> None:
    if "steps" in tree and "epochs" not in tree and values["steps"] is not None:
        values["epochs"] = None
    defaults = {item.name: item.default for item in fields(TrainConfig) if item.default is not MISSING}
    steps, epochs = (values.get(key, defaults[key]) for key in ("steps", "epochs"))
    if (steps is None) == (epochs is None):
        raise UsageError(f"a run needs either steps or epochs, not steps = {steps} and epochs = {epochs}")


def _members(annotation: Any) -> Iterable[Any]:
    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    return typing.get_args(annotation) if union else (annotation,)


def _names(member: Any) -> tuple[str, ...]:
    return typing.get_args(typing.get_type_hints(member).get("name"))


def _number(value: Any) -> Any:
    """YAML 1.1 reads `1e-3` (no dot) as a text; where a text does not fit, people mean the number."""
    is_number = isinstance(value, str) and re.fullmatch(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+", value)
    return float(value) if is_number else value


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _suggestion(word: str, known: Iterable[str], where: str = "") -> str | None:
    matches = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean {_join(where, matches[0])!r}?" if matches else None
