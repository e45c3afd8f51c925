"""Answer a configuration of alexkrz/face-embeddings, which femb continues, with the femb command that does the same."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from femb_cli.config.environment import VARIABLE
from femb_cli.errors import UsageError

RECIPE = "seed_arcface_r50_ms1mv2"
OPTIONS = (
    ("pl_module", "backbone", "--backbone"),
    ("pl_module", "header", "--header"),
    ("datamodule", "root_dir", "--data"),
    ("datamodule", "parquet_fp", "--data"),
    ("datamodule", "batch_size", "--batch-size"),
    ("pl_module", "lr", "--lr"),
    ("trainer", "max_epochs", "--epochs"),
)
"""Its settings and the options of `femb train` that are the same."""


def refuse_seed_yaml(tree: Mapping[str, Any], path: Path) -> None:
    """Refuse a configuration for the research repository's scripts.

    Raises:
        UsageError: it is one; the hint is the command that trains the same with femb.
    """
    if not {"pl_module", "datamodule"} <= tree.keys():
        return
    words = ["femb", "train", RECIPE]
    for section, name, option in OPTIONS:
        value = _init_args(tree, section).get(name)
        if isinstance(value, str | int | float):
            words += [option, _quote(str(value))]
    if isinstance(seed := tree.get("seed"), int):
        words += ["--seed", str(seed)]
    raise UsageError(f"{path} is a configuration of face-embeddings' scripts, not of femb", hint=" ".join(words))


def _quote(text: str) -> str:
    """Quote a text for a shell, which expands variables of the environment in it."""
    with_variables = VARIABLE.sub(r"${\1}", text)
    return shlex.quote(text) if with_variables == text else f'"{with_variables}"'


def _init_args(tree: Mapping[str, Any], section: str) -> Mapping[str, Any]:
    values = tree.get(section)
    arguments = values.get("init_args") if isinstance(values, dict) else None
    return arguments if isinstance(arguments, dict) else {}
