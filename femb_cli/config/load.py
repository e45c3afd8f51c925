"""Read a training configuration from YAML and `--set`, and write one.

A `--set` overrides a command-line flag, a flag overrides the file, and the file overrides the schema's defaults.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from femb_cli.config.check import check, did_you_mean, with_lists
from femb_cli.config.plain_yaml import MOST_CHARACTERS, read_plain, write_plain
from femb_cli.config.schema import TrainConfig
from femb_cli.errors import UsageError
from femb_cli.text import cut, shown


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
    # Sections are set before their values: `optimizer=adamw` starts from AdamW's defaults, whatever the order.
    for key, value in sorted(changes, key=lambda change: change[0].count(".")):
        assign(tree, key, value)
    if tree.get("steps") is not None:
        tree.setdefault("epochs", None)
    config: TrainConfig = check(tree, TrainConfig)
    if (config.steps is None) == (config.epochs is None):
        raise UsageError(f"a run needs either steps or epochs, not steps = {config.steps} and epochs = {config.epochs}")
    return config


def dump_config(config: TrainConfig) -> str:
    """The whole configuration as YAML that `load_config` reads back to an equal one."""
    return write_plain(to_tree(config))


def to_tree(config: TrainConfig) -> dict[str, Any]:
    """The whole configuration as plain mappings, lists and values."""
    return with_lists(asdict(config))


def shipped_configs() -> dict[str, Path]:
    """The configurations that come with femb: name to file."""
    package = Path(__file__).parents[1]
    installed = package / "configs"
    directory = installed if installed.is_dir() else package.parent / "configs"
    return {path.stem: path for path in sorted(directory.glob("*.yaml"))}


def config_path(file: str | Path) -> Path:
    """Return the file for a CONFIG argument: a path, or the name of a shipped configuration.

    Raises:
        UsageError: there is no such file and no such shipped configuration.
    """
    shipped = shipped_configs()
    if str(file) in shipped:
        return shipped[str(file)]
    if os.path.isfile(file):  # noqa: PTH113 - Path.is_file() raises an OSError for a very long name
        return Path(file)
    raise UsageError(
        f"no configuration {shown(str(file))}: neither a file nor one of {', '.join(shipped)}",
        hint=did_you_mean(str(file), shipped) or "femb list configs shows what ships with femb",
    )


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; an empty file is an empty mapping.

    Raises:
        UsageError: the file cannot be read, is not valid YAML of plain values, or is not a mapping.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            tree = read_plain(file.read(MOST_CHARACTERS + 1))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from error
    except ValueError as error:
        raise UsageError(f"{path} cannot be read as YAML: {cut(str(error))}") from error
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise UsageError(f"{path} holds a {type(tree).__name__}, not a mapping of settings")
    return tree


def parse_setting(setting: str) -> tuple[str, Any]:
    """Split `key.path=value` and read the value as YAML (`1e-3` is a number, `[a, b]` a list).

    Raises:
        UsageError: there is no key, or the value is not valid YAML.
    """
    key, separator, text = setting.partition("=")
    if not separator or not key:
        raise UsageError(
            f"cannot read the setting {shown(setting)}",
            hint="write --set key.path=value, for example --set optimizer.lr=0.1",
        )
    try:
        return key, read_plain(text)
    except ValueError as error:
        raise UsageError(f"cannot read the value of --set {cut(setting)}: {cut(str(error))}") from error


def assign(tree: dict[str, Any], key: str, value: Any) -> None:
    """Set `tree[a][b] = value` for the key `a.b`, in place.

    Naming another header, backbone ... replaces the whole section, so that it starts from the other one's defaults.

    Raises:
        UsageError: a parent of the key is a value.
    """
    *parents, leaf = key.split(".")
    for parent in parents:
        below = tree.setdefault(parent, {})
        if isinstance(below, str):
            below = tree[parent] = {"name": below}
        if isinstance(below, list):
            raise UsageError(
                f"cannot set {cut(key)}: {cut(parent)} is a list", hint=f"set it as a whole: --set {cut(parent)}=[...]"
            )
        if not isinstance(below, dict):
            raise UsageError(f"cannot set {cut(key)}: {cut(parent)} is a value, not a section")
        tree = below
    current = tree.get(leaf)
    if isinstance(value, str) and isinstance(current, dict) and current.get("name") == value:
        return
    tree[leaf] = value
    # A run has one length, so setting `steps` clears `epochs`, and the other way round.
    if not parents and leaf in ("steps", "epochs") and value is not None:
        tree["epochs" if leaf == "steps" else "steps"] = None
