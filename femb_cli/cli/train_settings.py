"""The options of `femb train` that stand for settings of the configuration."""

from collections.abc import Mapping, Sequence
from typing import Any

from femb_cli.errors import UsageError

SETTINGS = {
    "data": "data.path",
    "label": "data.label",
    "person_folder": "data.person_folder",
    "header": "header",
    "backbone": "backbone",
    "init": "init.checkpoint",
    "steps": "steps",
    "epochs": "epochs",
    "batch_size": "batch_size",
    "lr": "optimizer.lr",
    "weight_decay": "optimizer.weight_decay",
    "seed": "seed",
    "verify_every": "validation.every",
    "save_every": "checkpoint.every",
    "log_every": "log_every",
    "precision": "precision",
    "workers": "workers",
}
"""A parameter of the command, and the setting that it changes."""

SYNTHETIC = "synthetic"


def chosen_settings(parameters: Mapping[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """Return the settings that options change, by dotted key.

    Args:
        parameters: the command's parameters by name; None for those that are not given.
        settings: `--set` as written, which must not say otherwise.

    Raises:
        UsageError: two options, or an option and a `--set`, contradict each other.
    """
    given = {name: parameters[name] for name in SETTINGS if parameters[name] is not None}
    if {"steps", "epochs"} <= given.keys():
        raise UsageError("--steps and --epochs exclude each other", hint="each of them is the length of the run")
    chosen: dict[str, Any] = {}
    for name, value in given.items():
        plain = value if isinstance(value, int | float) else str(value)
        # The columns and folders that a configuration names for its dataset stay.
        of_option = _data(plain) if name == "data" else {SETTINGS[name]: plain}
        _refuse_contradiction(f"--{name.replace('_', '-')} {plain}", of_option, settings)
        chosen |= of_option
    return chosen


def _data(value: Any) -> dict[str, Any]:
    """Return the settings of `--data`."""
    return {"data": SYNTHETIC} if value == SYNTHETIC else {"data": "dataset", "data.path": value}


def _refuse_contradiction(option: str, of_option: Mapping[str, Any], settings: Sequence[str]) -> None:
    """Refuse a `--set` that gives a setting of an option another value.

    Raises:
        UsageError: there is one.
    """
    if not settings:
        return
    from femb_cli.config.changes import parse_setting, section_of_name

    lengths = {"steps", "epochs"}
    for setting in settings:
        key, value = parse_setting(setting)
        key = section_of_name(key)
        value = value.get("name", value) if isinstance(value, dict) else value
        is_other_length = key in lengths and bool(lengths & of_option.keys()) and key not in of_option
        if value is not None and (is_other_length or (key in of_option and value != of_option[key])):
            raise UsageError(f"{option} and --set {setting} contradict each other", hint="leave out one of them")
