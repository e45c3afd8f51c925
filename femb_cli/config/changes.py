"""Change a configuration, as read from YAML, by settings such as `optimizer.lr=0.1`.

A setting that names another header, backbone or optimizer has the same effect in both spellings, `backbone=iresnet100`
and `backbone.name=iresnet100`.
"""

import typing
from collections.abc import Sequence
from typing import Any

from femb_cli.config.plain_yaml import read_plain
from femb_cli.config.schema import TrainConfig
from femb_cli.config.section import choices, is_by_name
from femb_cli.errors import UsageError
from femb_cli.text import cut, shown

OF_EVERY_NETWORK = ("embedding_dim", "input_size")
"""Settings of a backbone that stay when a network of another kind is named: they belong to the data and the header."""


def apply_changes(tree: dict[str, Any], changes: Sequence[tuple[str, Any]]) -> None:
    """Change a configuration in place.

    Args:
        tree: the configuration.
        changes: key path and value of each setting; where two set the same key, the last one counts.

    Raises:
        UsageError: a parent of a key is a value, or two lengths of the run are given.
    """
    in_full = [(section_of_name(key), value) for key, value in changes]
    if (named := {key for key, _ in in_full}) >= {"optimizer.lr"} and "optimizer.lr_batch_size" not in named:
        in_full.append(("optimizer.lr_batch_size", None))  # a rate that the user names is for the user's batch
    lengths = {key: value for key, value in changes if key in ("steps", "epochs") and value is not None}
    if len(lengths) > 1:
        raise UsageError("steps and epochs exclude each other", hint="each of them is the length of the run")
    # Sections are set before their values: `optimizer=adamw` starts from AdamW's defaults, whatever the order.
    for key, value in sorted(in_full, key=lambda change: change[0].count(".")):
        assign(tree, key, value)


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

    Naming another header, backbone ... replaces the section, see `rename`.

    Raises:
        UsageError: a parent of the key is a value.
    """
    *parents, leaf = key.split(".")
    below = tree
    for parent in parents:
        child = below.setdefault(parent, {})
        if isinstance(child, str):
            child = below[parent] = {"name": child}
        if isinstance(child, list):
            raise UsageError(
                f"cannot set {cut(key)}: {cut(parent)} is a list", hint=f"set it as a whole: --set {cut(parent)}=[...]"
            )
        if not isinstance(child, dict):
            raise UsageError(f"cannot set {cut(key)}: {cut(parent)} is a value, not a section")
        below = child
    below[leaf] = rename(leaf, below.get(leaf), value) if not parents and isinstance(value, str) else value
    # A run has one length, so setting `steps` clears `epochs`, and the other way round.
    if not parents and leaf in ("steps", "epochs") and value is not None:
        tree["epochs" if leaf == "steps" else "steps"] = None


def rename(section: str, current: Any, name: str) -> Any:
    """Return a section of the configuration after it got another name.

    A name of the same kind, such as another IResNet, keeps all of the section's settings. A backbone of another kind
    keeps the size of images and embeddings. Everything else starts from its defaults.

    Args:
        section: its key, such as `backbone`.
        current: the section as it is: a mapping, a bare name, or None if the configuration does not have it.
        name: the new name.
    """
    entries = _entries(section)
    if current is None or not entries:
        return name
    settings = {"name": current} if isinstance(current, str) else dict(current)
    before = entries.get(settings.get("name", next(iter(entries))))
    if name in entries and entries[name] is before:
        return {**settings, "name": name}
    kept = {key: settings[key] for key in OF_EVERY_NETWORK if section == "backbone" and key in settings}
    return {"name": name, **kept} if kept else name


def section_of_name(key: str) -> str:
    """Return the key of a setting in its usual spelling: `backbone` for `backbone.name`."""
    section, _, leaf = key.partition(".")
    return section if leaf == "name" and _entries(section) else key


def _entries(section: str) -> dict[str, Any]:
    """Return what a section's `name` chooses from; nothing for other keys."""
    annotation = typing.get_type_hints(TrainConfig, include_extras=True).get(section)
    return choices(annotation) if is_by_name(annotation) else {}
