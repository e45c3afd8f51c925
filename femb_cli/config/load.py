"""Read a training configuration from YAML and `--set`, and write one.

An option or a `--set` of the command line overrides the file, and the file overrides the schema's defaults.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from femb_cli.config.changes import apply_changes, parse_setting
from femb_cli.config.check import check, did_you_mean, with_lists
from femb_cli.config.environment import expand
from femb_cli.config.plain_yaml import MOST_CHARACTERS, read_plain, write_plain
from femb_cli.config.schema import TrainConfig
from femb_cli.config.seed_yaml import refuse_seed_yaml
from femb_cli.config.shipped import shipped_configs
from femb_cli.errors import UsageError
from femb_cli.files import missing
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
    apply_changes(tree, [*(overrides or {}).items(), *map(parse_setting, settings)])
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


def _nearest(file: Path, shipped: Iterable[str]) -> str:
    """Return a hint for a configuration that is not there: the run's own, or one of a similar name."""
    own = file / "config.yaml"
    if os.path.isfile(own):  # noqa: PTH113 - as below
        return f"did you mean {own}?"
    beside = None if os.path.lexists(file) else missing(file).hint
    return did_you_mean(str(file), shipped) or beside or "femb list configs shows those that ship with femb"


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
        f"no configuration {shown(str(file))}, neither here nor in femb",
        hint=_nearest(Path(file), shipped),
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
        raise UsageError(f"{path} is no YAML: {cut(str(error))}") from error
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        what = "a list" if isinstance(tree, list) else "a text" if isinstance(tree, str) else "one value"
        raise UsageError(f"{path} holds {what}, not a mapping of settings", hint="femb config quickstart shows one")
    refuse_seed_yaml(tree, path)
    expanded: dict[str, Any] = expand(tree, str(path))
    return expanded


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return all values of a tree of settings by their dotted key."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat
