"""Expand variables of the environment and `~` in the texts of a configuration.

`${NAME}` and `${oc.env:NAME}`, which OmegaConf has, stand for the variable's value, `${NAME,value}` for the value where
the variable is not set. `~/` at the beginning of a text is the home directory.
"""

import os
import re
from typing import Any

from femb_cli.errors import UsageError

VARIABLE = re.compile(r"\$\{(?:oc\.env:)?([A-Za-z_][A-Za-z0-9_]*)(?:,([^}]*))?\}")


def expand(value: Any, where: str) -> Any:
    """Expand all texts in a configuration.

    Args:
        value: mappings, lists and values.
        where: the file, for error messages.

    Raises:
        UsageError: a variable is not set.
    """
    if isinstance(value, dict):
        return {key: expand(item, where) for key, item in value.items()}
    if isinstance(value, list):
        return [expand(item, where) for item in value]
    return expand_text(value, where) if isinstance(value, str) else value


def expand_text(text: str, where: str) -> str:
    """Expand one text, see `expand`."""

    def value_of(match: re.Match[str]) -> str:
        name, default = match.groups()
        found = os.environ.get(name, default)
        if found is None:
            raise UsageError(f"{where} has {match[0]}, but {name} is not set", hint=f"export {name}=...")
        return found.strip() if name not in os.environ else found

    expanded = VARIABLE.sub(value_of, text)
    return os.path.expanduser(expanded) if expanded.startswith("~/") else expanded  # noqa: PTH111 - keeps the text
